"""The outbox: messages that are committed with the caller's data, and sent after that."""

from __future__ import annotations

import random
import threading
import zlib
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, overload

import msgspec
import sqlalchemy as sa
from sqlalchemy.orm import Session

from procession.messaging.message import Message, check_name
from procession.messaging.sessions import SyncOne, connection_of, is_async, must_be_transaction
from procession.messaging.tables import LANES, outbox

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from procession.messaging.port import Transport
    from procession.messaging.relay import Relay
    from procession.messaging.sessions import AsyncOne

_LISTENING = "procession.outbox"


class Outbox:
    """Sends messages if, and only if, the caller's transaction commits.

        with Session(engine) as session, session.begin():
            session.add(order)
            outbox.send(session, "serviceQ.payment", Message.with_json({"order": order.id}))

    A `Relay` (`outbox.relay(engine, transport)`) publishes what is committed: at least once, always with
    the same id, and in the order of sending among messages with the same ordering key. Transactions that
    write the same key at the same time have no order: those who need one lock something of their own.
    """

    def __init__(self) -> None:
        self._bells: set[Callable[[], None]] = set()
        self._lock = threading.Lock()

    @overload
    def send(
        self, session: SyncOne, queue: str, *messages: Message, ordering_key: str | None = None
    ) -> None: ...
    @overload
    def send(
        self, session: AsyncOne, queue: str, *messages: Message, ordering_key: str | None = None
    ) -> Awaitable[None]: ...
    def send(
        self, session: SyncOne | AsyncOne, queue: str, *messages: Message, ordering_key: str | None = None
    ) -> Awaitable[None] | None:
        """Store messages in the caller's transaction; await it if the session is asynchronous.

        Args:
            session: the session or connection; the caller commits. Not in autocommit mode.
            queue: where they go. It need not exist yet: they wait until it does.
            messages: what to send.
            ordering_key: messages with the same key are published in order.

        Raises:
            InvalidInput: the queue's name or the key is empty or too long, or in autocommit mode.
        """
        check_name("queue", queue)
        if ordering_key is not None:
            check_name("ordering key", ordering_key)
        rows = [_row(queue, message, ordering_key) for message in messages]
        if is_async(session):
            return session.run_sync(self._store, rows)
        self._store(session, rows)
        return None

    def _store(self, session: SyncOne, rows: list[dict[str, Any]]) -> None:
        if not rows:
            return
        connection = connection_of(session, outbox)
        connection.execute(_INSERT, rows)
        must_be_transaction(connection)
        listening = f"{_LISTENING}.{id(self)}"
        if isinstance(session, Session) and listening not in session.info:
            session.info[listening] = True
            sa.event.listen(session, "after_commit", self._committed)

    def _committed(self, session: Session) -> None:
        self.nudge()

    def nudge(self) -> None:
        """Have the relays of this process look now; from any thread.

        A commit of a session does it by itself. After one of a connection, call it, or the relay looks
        within a second.
        """
        with self._lock:
            bells = tuple(self._bells)
        for ring in bells:
            ring()

    def relay(self, engine: sa.Engine | AsyncEngine, transport: Transport) -> Relay:
        """A relay that publishes what is in this outbox: `async with outbox.relay(engine, transport):`."""
        from procession.messaging.relay import Relay

        return Relay(engine, transport, outbox=self)

    def add_bell(self, ring: Callable[[], None]) -> None:
        """Call `ring` on each nudge, from any thread."""
        with self._lock:
            self._bells.add(ring)

    def remove_bell(self, ring: Callable[[], None]) -> None:
        """No longer call it."""
        with self._lock:
            self._bells.discard(ring)


_INSERT = sa.insert(outbox)


def _row(queue: str, message: Message, ordering_key: str | None) -> dict[str, Any]:
    return {
        "lane": lane_of(ordering_key),
        "ordering_key": ordering_key,
        "queue": queue,
        **columns_of(message),
    }


def lane_of(ordering_key: str | None) -> int:
    """The lane of messages with a key; any lane for one without."""
    if ordering_key is None:
        return random.randrange(LANES)
    return zlib.crc32(ordering_key.encode(errors="surrogatepass")) % LANES


def columns_of(message: Message) -> dict[str, Any]:
    """A message as the columns `MESSAGE` of its tables."""
    return {
        "message_id": message.id,
        "reply_to": message.reply_to,
        "correlation": message.correlation,
        "headers": msgspec.json.encode(message.headers).decode() if message.headers else "{}",
        "body": message.body,
    }


def message_from(row: Any, *, attempt: int = 1) -> Message:
    """The message in a row of one of its tables."""
    return Message(
        id=row.message_id,
        reply_to=row.reply_to,
        correlation=row.correlation,
        headers=msgspec.json.decode(row.headers) if row.headers != "{}" else {},
        body=bytes(row.body),
        attempt=attempt,
    )
