"""Rows that need not be read again: of running roots that this connection made from their start, and
of process definitions.

SQLite tells exactly whether any other connection has committed (`PRAGMA data_version`), and whoever
asks holds the write lock: until somebody else writes, what this connection wrote is what the file
says. All rows of a remembered root are known, so what is not among them does not exist. Nothing here
matters to anybody: forgetting it costs a read.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from procession.engine import Known
from procession.engine.tables import TABLES
from procession.storage.rows import Row

MAX_KEYS = 200_000
"""Instances, elements, jobs and so on; about half a kilobyte each."""
MAX_BYTES = 32 * 1024 * 1024
"""Of variables, items and tokens at joins."""
ROW_BYTES = 400
"""What such a row takes besides its value: small values come by the thousand."""
MAX_PROCESSES = 10_000
"""Process ids that were looked up; there may be no such process."""


class Written(msgspec.Struct, frozen=True):
    """What a transaction wrote to one table."""

    table: str
    added: list[Row]
    updated: list[Row]
    removed: list[Any]


class _Layout:
    """Where the columns that matter here stand in the rows of a table."""

    __slots__ = ("ended", "root", "width")

    def __init__(self, name: str) -> None:
        fields = TABLES[name].record.__struct_fields__
        self.root = fields.index("root_key")
        self.ended = fields.index("ended_at") if "ended_at" in fields else None
        self.width = len(TABLES[name].key)


def _layouts(*names: str) -> dict[str, _Layout]:
    return {name: _Layout(name) for name in names}


_WITH_KEYS = _layouts(
    "process_instance",
    "element_instance",
    "job",
    "timer",
    "message_subscription",
    "signal_subscription",
    "incident",
)
"""Their rows have keys of their own, by which they and what belongs to them are asked for."""
_OF_SCOPES = _layouts("variable", "join_token", "item")
_VALUES = {"variable": 3, "item": 3}
"""Where the value stands."""


class Remembered(Known):
    """Changes with `keep` only, but for definitions: whatever is loaded of them stays."""

    __slots__ = ("_bytes", "_roots")

    def __init__(self) -> None:
        super().__init__()
        self.rows = {name: {} for name in (*_WITH_KEYS, *_OF_SCOPES)}
        self._roots: dict[int, int] = {}
        """Bytes of values by root, oldest root first."""
        self._bytes = 0
        self._forget_definitions()

    def clear(self) -> None:
        self.owners.clear()
        for rows in self.rows.values():
            rows.clear()
        self._roots.clear()
        self._bytes = 0
        self._forget_definitions()

    def _forget_definitions(self) -> None:
        self.tables["definition"] = {}
        self.lookups["definition", "process"] = {}

    def keep(self, written: Iterable[Written]) -> None:
        """Take over what was just committed (process instances first, as a unit lists its tables)."""
        ended: list[int] = []
        for one in written:
            name = one.table
            if name == "process_instance":
                self._begin(one.added)
            if name in _WITH_KEYS:
                self._take(name, one.added, ended)
                self._take(name, one.updated, ended)
                for key in one.removed:
                    self._remove(name, key, self.owners.pop(key, None))
            elif name == "definition":
                self._forget_definitions()
            elif name in _OF_SCOPES:
                self._take_values(name, one.added)
                self._take_values(name, one.updated)
                for key in one.removed:
                    self._remove(name, key, self.owners.get(key[0]))
        for root_key in ended:
            self._forget(root_key)
        if len(self.lookups["definition", "process"]) > MAX_PROCESSES:
            self._forget_definitions()
        while self._bytes > MAX_BYTES or len(self.owners) > MAX_KEYS:
            self._forget(next(iter(self._roots)))

    def _begin(self, rows: Iterable[Row]) -> None:
        root = _WITH_KEYS["process_instance"].root
        for row in rows:
            if row[0] == row[root]:
                self.owners[row[0]] = {}
                self._roots[row[0]] = 0

    def _take(self, name: str, rows: Iterable[Row], ended: list[int]) -> None:
        owners, known, layout = self.owners, self.rows[name], _WITH_KEYS[name]
        place, ended_at = layout.root, layout.ended
        for row in rows:
            key = row[0]
            if ended_at is None or row[ended_at] is None:
                members = owners.get(row[place])
                if members is not None:
                    owners[key] = members
                    members[key] = name
                    known[key] = row
            elif key == row[place]:
                ended.append(key)
            else:
                self._remove(name, key, owners.pop(key, None))

    def _remove(self, name: str, key: Any, members: dict[Any, str] | None) -> None:
        if members is not None and members.pop(key, None) is not None:
            del self.rows[name][key]

    def _take_values(self, name: str, rows: Iterable[Row]) -> None:
        layout, value = _OF_SCOPES[name], _VALUES.get(name)
        place, width, known = layout.root, layout.width, self.rows[name]
        for row in rows:
            members = self.owners.get(row[place])
            if members is not None:
                key = row[:width]
                members[key] = name
                known[key] = row
                # A value that replaces another counts too: who changes much is forgotten sooner.
                size = ROW_BYTES if value is None else ROW_BYTES + len(row[value])
                self._roots[row[place]] += size
                self._bytes += size

    def _forget(self, root_key: int) -> None:
        """Forget a root with all that is its."""
        size = self._roots.pop(root_key, None)
        if size is None:
            return
        self._bytes -= size
        owners, rows = self.owners, self.rows
        for key, name in owners.pop(root_key).items():
            del rows[name][key]
            owners.pop(key, None)
