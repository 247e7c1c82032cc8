"""Wake-ups by LISTEN and NOTIFY, on a session of their own.

A NOTIFY inside of a batch would make all commits of the database wait for each other, so it follows
the commit. It is sent without waiting for an answer.
"""

from __future__ import annotations

import os
import time
from typing import Any

import psycopg
from psycopg import pq

from procession.storage.port import Wire
from procession.storage.postgresql.address import Address

_CHANNEL = "procession"
_LISTENER = "procession listener"
_SENDER = "procession sender"
_HELLO = ""
"""What a node says when it begins to listen."""
_LIMIT = 7_900
"""PostgreSQL takes 8,000 bytes."""
_COUNT_SECONDS = 5.0
_RETRY_SECONDS = 1.0
_NOTIFY = b"SELECT pg_notify($1, $2)"
_COUNT = (
    # Of sessions of other users only their number shows: they may be listeners.
    "SELECT count(*) FROM pg_stat_activity WHERE datname=current_database() AND pid<>pg_backend_pid() "
    f"AND (application_name='{_LISTENER}' OR state IS NULL AND backend_type IS NULL)"
).encode()


class NotifyWire(Wire):
    """See the port. Used by one thread."""

    limit = _LIMIT

    def __init__(self, address: Address, *, listen: bool) -> None:
        self._address = address
        self._listens = listen
        self._connection: psycopg.Connection[Any] | None = None
        self._pid = os.getpid()
        self._waiting: list[bytes] = []
        self._busy: bytes | None = None
        """The statement whose answer is still to come."""
        self._received: list[str] = []
        self._lost = False
        self._others = True
        self._next_count = 0.0
        self._next_try = 0.0
        self._connect()

    def listen(self) -> None:
        if not self._listens:
            self._listens = True
            self._drop()
            self._connect()

    def _connect(self) -> None:
        """Connect and listen, if it is time to try."""
        if self._connection is not None or time.monotonic() < self._next_try:
            return
        self._next_try = time.monotonic() + _RETRY_SECONDS
        name = _LISTENER if self._listens else _SENDER
        connection: psycopg.Connection[Any] | None = None
        try:
            connection = psycopg.connect(**self._address.for_wire(name), autocommit=True)
            if self._listens:
                connection.execute(f"LISTEN {_CHANNEL}")
                connection.execute("SELECT pg_notify(%s, %s)", (_CHANNEL, _HELLO))
        except psycopg.Error:
            if connection is not None:
                connection.close()  # a standby takes connections, but no LISTEN
            return  # the batches' session says what is wrong; the check each second covers for us
        self._connection = connection
        self._others, self._next_count = True, 0.0

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._busy = None
        self._waiting.clear()

    def fileno(self) -> int:
        return -1 if self._connection is None else self._connection.pgconn.socket

    def others(self) -> bool:
        self._pump()
        return self._others

    def send(self, payload: bytes) -> None:
        self._waiting.append(payload)
        self._pump()

    def pending(self) -> bool:
        return bool(self._received) or self._lost

    def receive(self) -> list[bytes]:
        self._pump()
        received = [text.encode() for text in self._received]
        self._received.clear()
        if self._lost:
            self._lost = False
            received.append(b"")
        return received

    def _pump(self) -> None:
        """Take what has come, and send what may be sent; never waits."""
        self._connect()
        if self._connection is None:
            self._waiting.clear()
            return
        try:
            self._take(self._connection.pgconn)
            self._send_next(self._connection.pgconn)
        except psycopg.OperationalError:
            self._drop()
            self._lost, self._others = True, True

    def _take(self, pg: pq.abc.PGconn) -> None:
        pg.consume_input()
        while self._busy is not None and not pg.is_busy():
            result = pg.get_result()
            if result is None:
                self._busy = None
            elif self._busy is _COUNT and result.status == pq.ExecStatus.TUPLES_OK:
                self._others = (result.get_value(0, 0) or b"0") != b"0"
        while (notify := pg.notifies()) is not None:
            if notify.be_pid == pg.backend_pid:
                continue
            if notify.extra:
                self._received.append(notify.extra.decode())
            else:
                self._others, self._next_count = True, time.monotonic() + _COUNT_SECONDS
        if pg.status == pq.ConnStatus.BAD:
            raise psycopg.OperationalError("the connection was closed")

    def _send_next(self, pg: pq.abc.PGconn) -> None:
        if self._busy is not None:
            return
        if self._waiting:
            self._busy = _NOTIFY
            pg.send_query_params(_NOTIFY, [_CHANNEL.encode(), self._waiting.pop(0)])
        elif self._others and self._listens and time.monotonic() >= self._next_count:
            # Who is alone need not tell anybody: new ones say hello.
            self._next_count = time.monotonic() + _COUNT_SECONDS
            self._busy = _COUNT
            pg.send_query_params(_COUNT, None)
        pg.flush()

    def close(self) -> None:
        if self._pid == os.getpid():
            self._finish()
            self._drop()

    def _finish(self) -> None:
        """Let what was told last reach the server."""
        deadline = time.monotonic() + 1.0
        while self._connection is not None and (self._busy or self._waiting) and time.monotonic() < deadline:
            self._pump()
            time.sleep(0.001)
