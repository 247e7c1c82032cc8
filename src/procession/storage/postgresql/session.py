"""One connection to the server, spoken to in flights: many statements, one round trip.

Statements are prepared when the session begins. What is asked is gathered, and sent by `sync`. This
stands on psycopg's thin layer over libpq: a cursor would cost several times what a statement does.
"""

from __future__ import annotations

import os
import select
from collections.abc import Iterable
from typing import Any

import msgspec
import psycopg
from psycopg import errors, pq
from psycopg.adapt import Transformer

from procession.storage.rows import Row

_BINARY = 1
_READ = select.POLLIN | select.POLLPRI


class Statement(msgspec.Struct, frozen=True, eq=False):
    """SQL with parameters $1, $2, ... that are given as text."""

    name: bytes
    sql: bytes


def statement(name: str, sql: str) -> Statement:
    return Statement(name.encode(), sql.encode())


class Answer:
    """What a statement answers, once its flight has landed."""

    __slots__ = ("rows", "tag")

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.tag = b""


class Session:
    """Used by one thread at a time."""

    def __init__(self, parameters: dict[str, Any], statements: Iterable[Statement]) -> None:
        """Connect and prepare.

        Raises:
            psycopg.Error: that failed.
        """
        self.lost = False
        self._pid = os.getpid()
        self._connection = psycopg.connect(**parameters, autocommit=True)
        self._pg = self._connection.pgconn
        self._decoder = Transformer(self._connection)
        self._poll = select.poll()
        self._asked: list[tuple[Statement, list[bytes | None], Answer]] = []
        self._poll.register(self._pg.socket, _READ)
        self._pg.enter_pipeline_mode()
        self._prepare(list(statements))

    def _prepare(self, statements: list[Statement]) -> None:
        try:
            for each in statements:
                self._pg.send_prepare(each.name, each.sql)
            self._land([Answer() for _ in statements])
        except BaseException:
            self.close()
            raise

    def parameter(self, name: bytes) -> str:
        """What the server reports of itself, such as its encoding."""
        return (self._pg.parameter_status(name) or b"").decode()

    @property
    def server_version(self) -> int:
        """The server's major version."""
        return self._pg.server_version // 10_000

    @property
    def socket(self) -> int:
        return self._pg.socket

    def ask(self, what: Statement, *parameters: bytes | None) -> Answer:
        """Send a statement with the next flight."""
        answer = Answer()
        self._asked.append((what, list(parameters), answer))
        return answer

    def forget(self) -> None:
        """Drop what was asked and not sent."""
        self._asked.clear()

    def sync(self) -> None:
        """Send what was asked and wait for the answers; after the first error the rest is not done.

        Raises:
            psycopg.Error: the first error.
        """
        asked, self._asked = self._asked, []
        if not asked:
            return
        try:
            send = self._pg.send_query_prepared
            for what, parameters, _ in asked:
                send(what.name, parameters, result_format=_BINARY)
            self._land([answer for _, _, answer in asked])
        except psycopg.OperationalError:
            self.lost = self.lost or self._pg.status == pq.ConnStatus.BAD
            raise

    def _land(self, answers: list[Answer]) -> None:
        self._pg.pipeline_sync()
        self._flush()
        failed: psycopg.Error | None = None
        for answer in answers:
            while (result := self._next()) is not None:
                if result.status == pq.ExecStatus.TUPLES_OK:
                    self._decoder.set_pgresult(result)
                    answer.rows = self._decoder.load_rows(0, result.ntuples, tuple)
                elif result.status == pq.ExecStatus.COMMAND_OK:
                    answer.tag = result.command_status or b""
                elif result.status == pq.ExecStatus.FATAL_ERROR and failed is None:
                    failed = errors.error_from_result(result)
            if self._pg.status == pq.ConnStatus.BAD:
                self.lost = True
                raise failed or psycopg.OperationalError("the connection was closed")
        while (end := self._next()) is None or end.status != pq.ExecStatus.PIPELINE_SYNC:
            if end is not None and failed is None:
                failed = errors.error_from_result(end)
            if self._pg.status == pq.ConnStatus.BAD:
                self.lost = True
                raise failed or psycopg.OperationalError("the connection was closed")
        if failed is not None:
            raise failed

    def _flush(self) -> None:
        """Hand everything to the network, and take what comes, so that neither side waits for the other."""
        while self._pg.flush():
            self._poll.modify(self._pg.socket, _READ | select.POLLOUT)
            for _, event in self._poll.poll():
                if event & _READ:
                    self._pg.consume_input()
            self._poll.modify(self._pg.socket, _READ)

    def _next(self) -> pq.abc.PGresult | None:
        while self._pg.is_busy():
            self._poll.poll()
            self._pg.consume_input()
        return self._pg.get_result()

    @property
    def in_transaction(self) -> bool:
        return self._pg.transaction_status not in (
            pq.TransactionStatus.IDLE,
            pq.TransactionStatus.UNKNOWN,
        )

    def close(self) -> None:
        """End the session; in a fork of its process, only let go of it."""
        if os.getpid() == self._pid:
            self._connection.close()
        self.lost = True


_NOWHERE = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)


def let_go(sessions: Iterable[Session]) -> None:
    """In a fork: the server must not take our copy of the socket for a client that still lives."""
    for session in sessions:
        if not session.lost:
            os.dup2(_NOWHERE, session.socket, inheritable=False)
