"""Locks as rows of the Procession database; the locks directory mirrors them."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from procession.errors import CommandLocked, StorageError
from procession.operations.commands.keys import disabled_by
from procession.operations.commands.mirror import Mirror
from procession.operations.commands.port import Action, Draft, LockStore, Overview, first
from procession.operations.commands.records import Holder, Record, Switch
from procession.storage.operations import command_action, command_lock, command_switch
from procession.storage.short import ShortTransactions, clock

SOURCE = "database"
_LOCK_TIMEOUT = "55P03"
_lock, _switch = command_lock.c, command_switch.c


class DatabaseStore(LockStore):
    """Locks in SQLite or PostgreSQL, by the database's time.

    A record is changed under its row's lock; on SQLite there is one writer at a time anyway.
    """

    def __init__(self, database: ShortTransactions, mirror: Mirror) -> None:
        self._database = database
        self._mirror = mirror
        self.name = f"database {database.name}"
        self._insert = postgresql.insert if database.engine.dialect.name == "postgresql" else sqlite.insert

    def register(self, labels: Mapping[str, str]) -> None:
        with self._database.reading() as connection:
            clock(connection, self._database.name)
            known = {row.key: row.label for row in connection.execute(sa.select(_lock.key, _lock.label))}
        changed = {key: label for key, label in labels.items() if known.get(key) != label}
        if changed:
            with self._database.writing() as connection:
                clock(connection, self._database.name)
                # In one order, so that two who register do not wait for each other in a circle.
                self._add(connection, sorted(changed.items()))

    def _add(self, connection: sa.Connection, labels: Iterable[tuple[str, str]]) -> None:
        rows = [
            {"key": key, "label": label, "fence": 0, "notified": False, "failed": False}
            for key, label in labels
        ]
        insert = self._insert(command_lock).values(rows)
        connection.execute(
            insert.on_conflict_do_update(index_elements=["key"], set_={"label": insert.excluded.label})
        )

    @contextmanager
    def changing(self, key: str) -> Iterator[Draft]:
        with self._database.writing() as connection:
            now, switches = self._state(connection, key)
            row = self._row(connection, key)
            if row.token is None:
                self._mirror.remove_stray(key)
            draft = self._draft(row, now, switches)
            before = draft.record
            yield draft
            if draft.record != _record(row):
                self._update(connection, row, before, draft.record)
            if draft.action is not None:
                self._note(connection, key, draft.action, now)

    def glance(self, key: str) -> Draft:
        with self._database.reading() as connection:
            now, switches = self._state(connection, key)
            row = connection.execute(sa.select(command_lock).where(_lock.key == key)).one_or_none()
            if row is None:
                switch = first(switches, key) or self._mirror.switch(key)
                return Draft(Record(key=key, label=key), now=now, switch=switch)
            return self._draft(row, now, switches)

    def _state(self, connection: sa.Connection, key: str) -> tuple[int, dict[str, Switch]]:
        """The time, and what the database disables of a key."""
        now = clock(connection, self._database.name)
        query = sa.select(command_switch).where(_switch.key.in_(disabled_by(key)))
        return now, _switches(connection.execute(query))

    def _draft(self, row: sa.Row[Any], now: int, switches: Mapping[str, Switch]) -> Draft:
        record = self._mirror.obeyed(_record(row), row.mirror, row.error_mirror)
        switch = first(switches, record.key) or self._mirror.switch(record.key)
        return Draft(record, now=now, switch=switch)

    def _row(self, connection: sa.Connection, key: str) -> sa.Row[Any]:
        # FOR NO KEY UPDATE: a transaction of the holder's that is fenced does not keep us from looking.
        query = sa.select(command_lock).where(_lock.key == key).with_for_update(key_share=True)
        row = connection.execute(query).one_or_none()
        if row is None:
            self._add(connection, [(key, key)])
            row = connection.execute(query).one()
        return row

    def _update(self, connection: sa.Connection, row: sa.Row[Any], before: Record, after: Record) -> None:
        values = _values(after)
        if after.fence == row.fence:
            del values["fence"]  # to name it would be to wait for fenced transactions
        try:
            connection.execute(command_lock.update().where(_lock.key == after.key).values(**values))
        except sa.exc.DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) != _LOCK_TIMEOUT:
                raise
            raise CommandLocked(
                f"{after.key}: the lease of {before.holder or 'its last holder'} is over, but a transaction "
                "fenced by its lock is still open; try again when that has ended",
                lock_key=after.key,
                holder=str(before.holder),
            ) from error
        # The files come last: what follows is the commit, and nobody else is here until then.
        mirror = self._mirror.put(before, after)
        places = {
            "mirror": mirror if after.holder is not None else None,
            "error_mirror": row.error_mirror if after.error == before.error else mirror,
        }
        if places != {"mirror": row.mirror, "error_mirror": row.error_mirror}:
            connection.execute(command_lock.update().where(_lock.key == after.key).values(**places))

    def overview(self) -> Overview:
        self._mirror.remove_old_errors()
        with self._database.reading() as connection:
            now = clock(connection, self._database.name)
            rows = connection.execute(sa.select(command_lock).order_by(_lock.key)).all()
            switches = _switches(connection.execute(sa.select(command_switch)))
        records = [self._mirror.obeyed(_record(row), row.mirror, row.error_mirror) for row in rows]
        return Overview(now=now, records=records, switches=self._mirror.switches() | switches)

    def disable(self, key: str, action: Action) -> None:
        with self._database.writing() as connection:
            now = clock(connection, self._database.name)
            values = {"actor": action.actor, "reason": action.reason, "at": now}
            insert = self._insert(command_switch).values(key=key, **values)
            connection.execute(insert.on_conflict_do_update(index_elements=["key"], set_=values))
            self._note(connection, key, action, now)

    def enable(self, key: str, action: Action) -> None:
        with self._database.writing() as connection:
            now = clock(connection, self._database.name)
            connection.execute(command_switch.delete().where(_switch.key == key))
            self._note(connection, key, action, now)
        try:
            self._mirror.remove_switch(key)
        except OSError as error:
            raise StorageError(
                f"{key} is enabled in {self.name}, but its file cannot be removed and is obeyed: {error}"
            ) from error

    def _note(self, connection: sa.Connection, key: str, action: Action, now: int) -> None:
        connection.execute(
            command_action.insert().values(
                id=secrets.token_hex(16),
                at=now,
                key=key,
                action=action.operation.value,
                actor=action.actor,
                reason=action.reason,
            )
        )

    def fencing(self, key: str, token: str, fence: int, dialect: str) -> sa.Executable:
        mine = sa.and_(_lock.key == key, _lock.token == token, _lock.fence == fence)
        if dialect == "postgresql":
            # FOR KEY SHARE: the lease may be renewed meanwhile, the fencing number may not change.
            return sa.select(_lock.fence).where(mine).with_for_update(read=True, key_share=True)
        # SQLite: a write keeps all other writers out until the transaction ends.
        return command_lock.update().where(mine).values(fence=_lock.fence).returning(_lock.fence)

    def obstacle(self, key: str, token: str) -> Switch | str | None:
        return self._mirror.obstacle(key, token)

    def close(self) -> None:
        self._database.close()


def _record(row: sa.Row[Any]) -> Record:
    holder = None
    if row.token is not None:
        holder = Holder(
            token=row.token,
            host=row.host,
            pid=row.pid,
            locked_at=row.locked_at,
            expires_at=row.expires_at,
        )
    return Record(
        key=row.key,
        label=row.label,
        fence=row.fence,
        holder=holder,
        notified=row.notified,
        started_at=row.started_at,
        duration=row.duration,
        failed=row.failed,
        error=row.error,
        error_at=row.error_at,
    )


def _values(record: Record) -> dict[str, Any]:
    held = record.holder
    return {
        "fence": record.fence,
        "token": held and held.token,
        "host": held and held.host,
        "pid": held and held.pid,
        "locked_at": held and held.locked_at,
        "expires_at": held and held.expires_at,
        "notified": record.notified,
        "started_at": record.started_at,
        "duration": record.duration,
        "failed": record.failed,
        "error": record.error,
        "error_at": record.error_at,
    }


def _switches(rows: Iterable[sa.Row[Any]]) -> dict[str, Switch]:
    return {row.key: Switch(key=row.key, actor=row.actor, reason=row.reason, source=SOURCE) for row in rows}
