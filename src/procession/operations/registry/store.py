"""The table of registrations. All times are the database's, so clocks of machines may differ."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import Any

import msgspec
import sqlalchemy as sa

from procession.operations.registry.records import Kind, Registration, Served, Standing
from procession.storage.operations import registration
from procession.storage.searches.reading import moment
from procession.storage.short import ShortTransactions, clock

REMEMBER_ENDED = timedelta(minutes=10)
"""Who has left is still known for so long: a version that restarts is away, not unknown."""
REMEMBER_LOST = timedelta(days=1)
"""Who died is still known for so long: that is an outage."""
_MS = timedelta(milliseconds=1)
_row = registration.c


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """What a process says of itself."""

    id: str
    kind: Kind
    app: str | None
    serves: tuple[Served, ...]
    url: str | None
    host: str
    pid: int


class Store:
    """Short transactions on the registrations. Any thread may use it."""

    def __init__(self, database: ShortTransactions) -> None:
        self._database = database

    def register(self, entry: Entry, lease: timedelta, *, draining: bool = False) -> int:
        """Add an entry, or bring it back after its lease has ended. Answers its fencing number, greater
        than those it had before. What is not to be remembered any longer goes.

        Raises:
            StorageError: the database cannot be used.
        """
        with self._database.writing() as connection:
            now = clock(connection, self._database.name)
            mine = _row.id == entry.id
            before = connection.execute(sa.select(registration).where(mine).with_for_update()).one_or_none()
            fence = now if before is None else max(now, before.fence + 1)
            values = _values(entry) | {
                "started_at": now if before is None else before.started_at,
                "expires_at": now + lease // _MS,
                "ended_at": None,
                "fence": fence,
                "draining": draining or (before is not None and before.draining),
            }
            if before is None:
                connection.execute(registration.insert().values(**values))
            else:
                connection.execute(registration.update().where(mine).values(**values))
        self._forget(entry)
        return fence

    def _forget(self, entry: Entry) -> None:
        """Remove what is over, and who was lost where this one listens now."""
        with self._database.writing() as connection:
            now = clock(connection, self._database.name)
            over = sa.or_(
                _row.ended_at < now - REMEMBER_ENDED // _MS,
                _row.expires_at < now - REMEMBER_LOST // _MS,
                sa.and_(_row.url == entry.url, _row.expires_at <= now),
            )
            # Others may be at it too: skipping what they have keeps us from waiting in a circle.
            found = sa.select(_row.id).where(over, _row.id != entry.id).with_for_update(skip_locked=True)
            connection.execute(registration.delete().where(_row.id.in_(found)))

    def renew(self, id: str, fence: int, lease: timedelta) -> bool | None:
        """Let a lease last from now on. Answers whether it is to drain; None: the lease has ended, or
        somebody with a greater number has it: register anew.

        Raises:
            StorageError: the database cannot be used.
        """
        with self._database.writing() as connection:
            now = clock(connection, self._database.name)
            held = sa.and_(_row.id == id, _row.fence == fence, _row.expires_at > now)
            renewed = registration.update().where(held).values(expires_at=now + lease // _MS)
            return connection.execute(renewed.returning(_row.draining)).scalar_one_or_none()

    def is_told(self, id: str) -> bool:
        """Whether it is to drain, without renewing anything.

        Raises:
            StorageError: the database cannot be read.
        """
        with self._database.reading() as connection:
            query = sa.select(_row.draining).where(_row.id == id)
            return bool(connection.execute(query).scalar_one_or_none())

    def drain(self, ids: Collection[str]) -> None:
        """Mark these as draining.

        Raises:
            StorageError: the database cannot be used.
        """
        with self._database.writing() as connection:
            clock(connection, self._database.name)
            for id in sorted(ids):  # in one order, so that two who do this do not wait in a circle
                connection.execute(registration.update().where(_row.id == id).values(draining=True))

    def end(self, id: str) -> None:
        """It leaves.

        Raises:
            StorageError: the database cannot be used.
        """
        with self._database.writing() as connection:
            now = clock(connection, self._database.name)
            ended = registration.update().where(_row.id == id).values(ended_at=now, expires_at=now)
            connection.execute(ended)

    def all(self, kind: Kind | None = None) -> list[Registration]:
        """All that are alive or remembered, the oldest first.

        Raises:
            StorageError: the database cannot be read.
        """
        query = sa.select(registration).order_by(_row.started_at, _row.id)
        if kind is not None:
            query = query.where(_row.kind == kind)
        with self._database.reading() as connection:
            now = clock(connection, self._database.name)
            return [_registration(row, now) for row in connection.execute(query)]

    def close(self) -> None:
        self._database.close()


def _values(entry: Entry) -> dict[str, Any]:
    serves = msgspec.json.encode([str(one) for one in entry.serves]).decode()
    return msgspec.structs.asdict(entry) | {"kind": entry.kind.value, "serves": serves}


def _registration(row: sa.Row[Any], now: int) -> Registration:
    return Registration(
        id=row.id,
        kind=Kind(row.kind),
        app=row.app,
        serves=tuple(Served.read(text) for text in msgspec.json.decode(row.serves)),
        url=row.url,
        host=row.host,
        pid=row.pid,
        started_at=moment(row.started_at),
        age=(now - row.started_at) * _MS,
        expires_at=moment(row.expires_at),
        fencing_number=row.fence,
        standing=_standing(row, now),
    )


def _standing(row: sa.Row[Any], now: int) -> Standing:
    if row.ended_at is not None:
        return Standing.ENDED
    if row.expires_at <= now:
        return Standing.LOST
    return Standing.DRAINING if row.draining else Standing.LIVE
