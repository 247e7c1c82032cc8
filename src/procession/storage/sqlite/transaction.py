"""One batch on SQLite: BEGIN IMMEDIATE excludes every other writer, so its locks are all granted."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any

import msgspec

from procession.engine import Reads, Table, Target, Unit
from procession.engine.records import CommandRow, Definition, ElementInstance, Job
from procession.engine.tables import TABLES
from procession.storage.order import OutOfOrder, refuse_waits
from procession.storage.port import Clock, Transaction
from procession.storage.rows import KEY_OF_ROW, Row
from procession.storage.sqlite.remembered import Remembered, Written
from procession.storage.sqlite.statements import BLOCKS, STATEMENTS

_json = msgspec.json.Encoder().encode
_rows = msgspec.json.Decoder(list[tuple]).decode  # type: ignore[type-arg] # of anything
_ARRAYS = msgspec.structs.astuple


def _keys(keys: Iterable[int]) -> str:
    return _json(list(keys)).decode()


def _columns(name: str, fields: Iterable[str]) -> Callable[[Row], Row]:
    all_fields = TABLES[name].record.__struct_fields__
    return _picker([all_fields.index(field) for field in fields])


def _picker(places: Sequence[int]) -> Callable[[Row], Row]:
    """What takes the values at some places out of a row."""
    if len(places) > 1:
        return itemgetter(*places)
    return lambda row: tuple([row[place] for place in places])


_SCOPE = ElementInstance.__struct_fields__.index("scope_key")
_INSTANCE = ElementInstance.__struct_fields__.index("instance_key")
_CHANGING = {name: _columns(name, spec.changes) for name, spec in TABLES.items()}
_CHANGING_AND_KEY = {name: _columns(name, (*spec.changes, *spec.key)) for name, spec in TABLES.items()}
_OWN = {name: _picker(STATEMENTS[name].insert.own) for name in TABLES}
_SHARED = {name: _picker(STATEMENTS[name].insert.shared) for name in TABLES}

_ACTIVATABLE = (
    f"SELECT {STATEMENTS['job'].columns} FROM job t "
    "WHERE t.type=?1 AND t.priority=?2 AND t.due<=?3 ORDER BY t.due, t.key LIMIT ?4"
)
_NEXT_PRIORITY = "SELECT max(priority) FROM job WHERE type=?1 AND due IS NOT NULL AND priority<?2"
_ALL_PRIORITIES = 1 << 40


class SQLiteTransaction(Transaction):
    """See the port. Made by `SQLiteStorage.transaction`."""

    def __init__(self, connection: sqlite3.Connection, clock: Clock, remembered: Remembered) -> None:
        self._clock = clock
        self._connection = connection
        self._remembered = remembered
        self._written: list[Written] = []
        self._execute = connection.execute
        self._changes_before = connection.total_changes
        self._has_activated = False

    @property
    def clock(self) -> Clock:
        return self._clock

    def unit(self) -> Unit:
        return Unit(self._remembered)

    def lock(self, targets: Collection[Target]) -> set[Target]:
        if self._has_activated:
            raise OutOfOrder("roots are locked before jobs are handed out, not afterwards")
        return set(targets)

    def load(self, reads: Reads) -> None:
        if self._has_activated:
            refuse_waits(reads)
        for name, keys in reads.keys.items():
            self._load_keys(reads.unit.by_name[name], keys)
            for companion, field in TABLES[name].companions:
                self._load_companions(reads.unit, name, keys, companion, field)
        for (name, index), values in reads.finds.items():
            self._load_index(reads.unit.by_name[name], index, values)
        reads.keys.clear()
        reads.finds.clear()

    def _load_keys(self, table: Table[Any], keys: Collection[Any]) -> None:
        name = table.name
        statement = STATEMENTS[name].by_key
        loaded = table.loaded
        loaded.update(dict.fromkeys(keys))
        key_of = KEY_OF_ROW[name]
        rows = list(self._rows(name, statement, list(keys)))
        loaded.update(zip(map(key_of, rows), rows, strict=True))
        if name == "element_instance":
            self._load_scopes(table, rows)

    def _rows(self, name: str, statement: str, values: list[Any]) -> Iterable[Row]:
        cursor = self._execute(statement, (_json(values).decode(),))
        if not STATEMENTS[name].is_text:
            return cursor
        rows: list[Row] = _rows(cursor.fetchone()[0])
        return rows

    def _load_companions(
        self, unit: Unit, name: str, keys: Collection[Any], companion: str, field: str
    ) -> None:
        """What records just loaded by key name in a field comes along."""
        loaded = unit.by_name[name].loaded
        table = unit.by_name[companion]
        place = TABLES[name].record.__struct_fields__.index(field)
        named = {row[place] for key in keys if (row := loaded[key]) is not None}
        named -= table.loaded.keys()
        if named:
            self._load_keys(table, named)

    def _load_scopes(self, elements: Table[ElementInstance], rows: list[Row]) -> None:
        """The element instances around these, one level of nesting a query."""
        around = {row[_SCOPE] for row in rows if row[_SCOPE] != row[_INSTANCE]} - elements.loaded.keys()
        if around:
            self._load_keys(elements, around)

    def _load_index(self, table: Table[Any], index: str, values: Collection[Any]) -> None:
        view = table.indexes[index]
        if view.spec.limit is not None:
            for value in values:
                self._load_found(table, index, [value])
        else:
            self._load_found(table, index, list(values))

    def _load_found(self, table: Table[Any], index: str, values: list[Any]) -> None:
        name = table.name
        view = table.indexes[index]
        fields = TABLES[name].record.__struct_fields__
        places = [fields.index(field) for field in view.spec.fields]
        found: dict[Any, list[Any]] = {value: [] for value in values}
        key_of = KEY_OF_ROW[name]
        rows = list(self._rows(name, STATEMENTS[name].by_index[index], values))
        for row in rows:
            key = key_of(row)
            table.loaded[key] = row
            if view.spec.paged:
                found[values[0]].append(key)
                continue
            value = row[places[0]] if len(places) == 1 else tuple(row[place] for place in places)
            found[value].append(key)
        view.loaded.update(found)
        if name == "element_instance":
            self._load_scopes(table, rows)

    def resource(self, definition_key: int) -> tuple[Definition, bytes] | None:
        row = self._execute(
            f"SELECT {STATEMENTS['definition'].columns}, r.content FROM definition t "
            "JOIN resource r ON r.key=t.resource_key WHERE t.key=?",
            (definition_key,),
        ).fetchone()
        return None if row is None else (Definition(*row[:-1]), row[-1])

    def commands(self, limit: int, without: Collection[int] = ()) -> list[CommandRow]:
        statement = (
            f"SELECT {STATEMENTS['command'].columns} FROM command t "
            "WHERE t.key NOT IN (SELECT value FROM json_each(?)) ORDER BY t.key LIMIT ?"
        )
        return [CommandRow(*row) for row in self._execute(statement, (_keys(without), limit))]

    def due_timers(self, limit: int, without: Collection[int] = ()) -> list[int]:
        statement = (
            "SELECT key FROM timer WHERE due<=? AND key NOT IN (SELECT value FROM json_each(?)) "
            "ORDER BY due, key LIMIT ?"
        )
        return [key for (key,) in self._execute(statement, (self.clock.now, _keys(without), limit))]

    def activatable(self, unit: Unit, type_: str, limit: int) -> list[Job]:
        self._has_activated = True
        table = unit.jobs
        found: list[Job] = []
        priority = self._execute(_NEXT_PRIORITY, (type_, _ALL_PRIORITIES)).fetchone()[0]
        while priority is not None and len(found) < limit:
            # Jobs the unit has changed are skipped, so as many more have to be looked at.
            look_at = limit - len(found) + len(table.live)
            for row in self._execute(_ACTIVATABLE, (type_, priority, self.clock.now, look_at)):
                if row[0] not in table.live and len(found) < limit:
                    table.loaded[row[0]] = row
                    job = table.get(row[0])
                    if job is not None:
                        found.append(job)
            priority = self._execute(_NEXT_PRIORITY, (type_, priority)).fetchone()[0]
        return found

    def next_job_due(self, type_: str) -> int | None:
        earliest: int | None = None
        priority = self._execute(_NEXT_PRIORITY, (type_, _ALL_PRIORITIES)).fetchone()[0]
        while priority is not None:
            statement = "SELECT min(due) FROM job WHERE type=? AND priority=? AND due>?"
            due = self._execute(statement, (type_, priority, self.clock.now)).fetchone()[0]
            earliest = due if earliest is None or (due is not None and due < earliest) else earliest
            priority = self._execute(_NEXT_PRIORITY, (type_, priority)).fetchone()[0]
        return earliest

    def next_timer_due(self) -> int | None:
        due: int | None = self._execute("SELECT min(due) FROM timer").fetchone()[0]
        return due

    def sweep_messages(self, limit: int) -> int:
        rows = self._execute(
            "DELETE FROM message WHERE key IN (SELECT key FROM message WHERE expires_at<=? "
            "ORDER BY expires_at LIMIT ?) RETURNING key",
            (self.clock.now, limit),
        ).fetchall()
        keys = _json([key for (key,) in rows]).decode()
        self._execute(
            "DELETE FROM correlation WHERE message_key IN (SELECT value FROM json_each(?))", (keys,)
        )
        return len(rows)

    def write(self, unit: Unit) -> None:
        for table in unit.touched():
            name, changes = table.name, table.changes()
            if changes.removed:
                self._delete(name, changes.removed)
            if changes.updated_rows:
                self._update(name, changes.updated_rows)
            added = list(map(_ARRAYS, changes.added))
            updated = changes.updated_rows
            if changes.rewritten:
                rewritten = list(map(_ARRAYS, changes.rewritten))
                self._delete(name, list(map(table.key_of, changes.rewritten)))
                self._insert(name, rewritten)
                updated = [*updated, *rewritten]
            if added:
                self._insert(name, added)
            if added or updated or changes.removed:
                self._written.append(Written(name, added, updated, changes.removed))

    def _delete(self, name: str, keys: list[Any]) -> None:
        rows = keys if isinstance(keys[0], tuple) else [(key,) for key in keys]
        self._connection.executemany(STATEMENTS[name].delete, rows)

    def _update(self, name: str, rows: list[Row]) -> None:
        statements = STATEMENTS[name]
        if not TABLES[name].changes:
            raise TypeError(f"records of {name} do not change")
        if statements.update is None:
            self._in_blocks(statements.update_blocks, list(map(_CHANGING_AND_KEY[name], rows)), ())
            return
        for values, alike in _grouped(rows, _CHANGING[name]).items():
            self._execute(statements.update, (*values, _json([row[0] for row in alike]).decode()))

    def _insert(self, name: str, rows: list[Row]) -> None:
        insert, own = STATEMENTS[name].insert, _OWN[name]
        if not insert.shared:
            self._in_blocks(insert.blocks, rows, ())
            return
        for shared, alike in _grouped(rows, _SHARED[name]).items():
            self._in_blocks(insert.blocks, list(map(own, alike)), shared)

    def _in_blocks(self, blocks: tuple[str, ...], rows: list[Row], shared: Row) -> None:
        at = 0
        for size, statement in zip(BLOCKS, blocks, strict=True):
            while len(rows) - at >= size:
                self._execute(statement, (*chain.from_iterable(rows[at : at + size]), *shared))
                at += size

    def commit(self) -> None:
        if self._connection.total_changes == self._changes_before:
            # Nothing to make durable, so nothing to wait for; and other nodes would take it for news.
            self._execute("ROLLBACK")
            return
        self._execute("UPDATE engine_state SET last_now=?", (self.clock.now,))
        try:
            self._execute("COMMIT")
        except sqlite3.Error:
            self._remembered.clear()  # a disk that fails may have kept more than it says
            raise
        self._remembered.keep(self._written)


def _grouped(rows: Iterable[Row], by: Callable[[Row], Row]) -> dict[Row, list[Row]]:
    groups: dict[Row, list[Row]] = {}
    for row in rows:
        values = by(row)
        group = groups.get(values)
        if group is None:
            groups[values] = [row]
        else:
            group.append(row)
    return groups
