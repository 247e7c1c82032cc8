"""What commands want loaded before they run, gathered stage by stage."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from procession.engine.unit import Key, Missed, R, Table, Unit


class Reads:
    """Collects what commands want loaded, stage by stage: one load per table and stage."""

    __slots__ = ("count", "finds", "graphs", "keys", "known_graphs", "unit")

    def __init__(self, unit: Unit, known_graphs: Callable[[int], Any]) -> None:
        self.unit = unit
        self.known_graphs = known_graphs
        self.keys: dict[str, set[Key]] = {}
        self.finds: dict[tuple[str, str], set[Key]] = {}
        self.graphs: set[int] = set()
        self.count = 0
        """How often something was wanted: by it one sees whether a command is content."""

    def get(self, table: Table[R], key: Key) -> R | None:
        """The record if it is known and exists; if it is not known yet, it is noted for loading."""
        record = table.live.get(key)
        if record is not None:
            return record
        if key in table.loaded or table.known(key):
            return table.get(key)
        self.count += 1
        self.keys.setdefault(table.name, set()).add(key)
        return None

    def get_all(self, table: Table[Any], keys: list[Key]) -> None:
        """Note those of the keys that are not known yet."""
        loaded = table.loaded
        missing = [key for key in keys if key not in loaded and not table.known(key)]
        if missing:
            self.count += 1
            self.keys.setdefault(table.name, set()).update(missing)

    def find(self, table: Table[R], index: str, value: Key) -> list[R]:
        """Like `get`, for a look-up."""
        if table.found(index, value):
            return table.find(index, value)
        self.count += 1
        self.finds.setdefault((table.name, index), set()).add(value)
        return []

    def graph(self, definition_key: int) -> Any:
        """The compiled process if it is at hand; otherwise it is noted for loading."""
        graph = self.known_graphs(definition_key)
        if graph is None:
            self.count += 1
            self.graphs.add(definition_key)
        return graph

    def note(self, missed: Missed) -> None:
        if missed.table == "graph":
            self.graphs.add(missed.value)
        elif missed.index is None:
            self.keys.setdefault(missed.table, set()).update((missed.value, *missed.ahead))
        else:
            self.finds.setdefault((missed.table, missed.index), set()).add(missed.value)

    def __bool__(self) -> bool:
        return bool(self.keys or self.finds or self.graphs)
