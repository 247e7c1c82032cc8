"""The unit of work: the records one transaction has read, and what became of them.

A record is known here after storage has loaded it (or found it absent). Touching anything else
raises `Missed`; the broker loads what was missed and runs the commands again from the rows as they
were loaded, so nothing is ever read lazily. What changed is found by comparing, not by marking.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from operator import attrgetter
from typing import Any, Generic, TypeVar, cast

import msgspec

from procession.engine import records as r
from procession.engine.tables import TABLES, Index, TableSpec

Key = Any
Row = tuple[Any, ...]
R = TypeVar("R", bound=r.Record)


_astuple = msgspec.structs.astuple
_UNKNOWN: Row = ()
"""Stands for a row that was not loaded; real rows have fields."""


_KEY_OF: dict[str, Callable[[Any], Key]] = {name: attrgetter(*spec.key) for name, spec in TABLES.items()}
_INDEX_OF: dict[tuple[str, str], Callable[[Any], Key]] = {
    (name, index): attrgetter(*spec.fields)
    for name, table in TABLES.items()
    for index, spec in table.indexes.items()
}


class Missed(Exception):
    """A record, or the answer to a look-up, was needed and had not been loaded.

    `ahead` are keys of the same table that will be needed soon: they are worth loading with it.
    """

    def __init__(self, table: str, index: str | None, value: Key, ahead: Iterable[Key] = ()) -> None:
        super().__init__(f"{table}.{index or 'key'} = {value!r}")
        self.table = table
        self.index = index
        self.value = value
        self.ahead = ahead


class IndexView:
    """What is known of one index: the keys loaded per value, and those added since.

    The latter are collected when the index is first asked; most never are.
    """

    __slots__ = ("added", "asked", "loaded", "of", "open_only", "spec")

    def __init__(self, spec: Index, of: Callable[[Any], Key]) -> None:
        self.spec = spec
        self.of = of
        self.open_only = spec.open_only
        self.loaded: dict[Key, list[Key]] = {}
        self.added: dict[Key, list[Key]] = {}
        self.asked = False

    def note(self, key: Key, record: Any) -> None:
        self.added.setdefault(self.of(record), []).append(key)


class _Indexes(dict[str, IndexView]):
    """The views of a table's indexes, each made when first asked for."""

    __slots__ = ("_table",)

    def __init__(self, table: str) -> None:
        self._table = table

    def __missing__(self, name: str) -> IndexView:
        view = self[name] = IndexView(TABLES[self._table].indexes[name], _INDEX_OF[self._table, name])
        return view


class Changes(msgspec.Struct, Generic[R]):
    """What became of the records of one table."""

    added: list[R]
    updated: list[R]
    removed: list[Key]


class Table(Generic[R]):
    """The records of one kind within a unit of work."""

    __slots__ = (
        "added",
        "asked",
        "fresh",
        "indexes",
        "key_of",
        "live",
        "loaded",
        "name",
        "record",
        "removed",
    )

    def __init__(self, name: str, spec: TableSpec, fresh: set[int]) -> None:
        self.name = name
        self.record = cast(type[R], spec.record)
        self.key_of = _KEY_OF[name]
        self.fresh = fresh
        self.loaded: dict[Key, Row | None] = {}
        self.live: dict[Key, R] = {}
        self.added: dict[Key, R] = {}
        self.removed: set[Key] = set()
        self.indexes = _Indexes(name)
        self.asked: list[IndexView] = []

    def get(self, key: Key) -> R | None:
        """The record, or None if there is none.

        Raises:
            Missed: it was not loaded.
        """
        record = self.live.get(key)
        if record is not None:
            return record
        row = self.loaded.get(key, _UNKNOWN)
        if row is None or key in self.removed:
            return None
        if row is not _UNKNOWN:
            record = self.live[key] = self.record(*row)
            return record
        if (key if key.__class__ is int else key[0]) in self.fresh:
            return None
        raise Missed(self.name, None, key)

    def known(self, key: Key) -> bool:
        """Whether `get` would answer."""
        return (
            key in self.live
            or key in self.loaded
            or (key if key.__class__ is int else key[0]) in self.fresh
            or key in self.removed
        )

    def find(self, index: str, value: Key) -> list[R]:
        """All records with this value of an index, lowest key first.

        Raises:
            Missed: the look-up was not loaded.
        """
        view = self.indexes[index]
        keys = view.loaded.get(value)
        if keys is None and value not in self.fresh:
            raise Missed(self.name, index, value)
        if not view.asked:
            view.asked = True
            self.asked.append(view)
            for key, record in self.added.items():
                view.note(key, record)
        added = view.added.get(value)
        if added:
            keys = [*keys, *added] if keys else added
        found = [present for key in keys or () if (present := self.get(key)) is not None]
        if view.open_only:
            return [record for record in found if cast(Any, record).ended_at is None]
        return found

    def found(self, index: str, value: Key) -> bool:
        """Whether `find` would answer."""
        return value in self.indexes[index].loaded or value in self.fresh

    def truncated(self, index: str, value: Key) -> bool:
        """Whether there may be more than were loaded."""
        view = self.indexes[index]
        return view.spec.limit is not None and len(view.loaded.get(value, ())) >= view.spec.limit

    def add(self, record: R) -> R:
        key = self.key_of(record)
        self.live[key] = self.added[key] = record
        self.removed.discard(key)
        for view in self.asked:
            view.note(key, record)
        return record

    def remove(self, record: R) -> None:
        key = self.key_of(record)
        self.live.pop(key, None)
        if self.added.pop(key, None) is None or self.loaded.get(key) is not None:
            self.removed.add(key)

    def reset(self) -> None:
        """Forget what was done, keep what was loaded."""
        self.live.clear()
        self.added.clear()
        self.removed.clear()
        for view in self.asked:
            view.added.clear()
            view.asked = False
        self.asked.clear()

    def changes(self) -> Changes[R]:
        """What storage must write."""
        added, loaded = self.added, self.loaded
        inserts = [record for key, record in added.items() if loaded.get(key) is None]
        updates = [
            record
            for key, record in self.live.items()
            if (row := loaded.get(key)) is not None and _astuple(record) != row
        ]
        return Changes(inserts, updates, [key for key in self.removed if loaded.get(key) is not None])


class Unit:
    """All tables of one transaction. `fresh` holds the keys given out in it: nothing of theirs is stored."""

    def __init__(self) -> None:
        self.fresh: set[int] = set()
        fresh = self.fresh
        self.resources: Table[r.Resource] = Table("resource", TABLES["resource"], fresh)
        self.definitions: Table[r.Definition] = Table("definition", TABLES["definition"], fresh)
        self.starts: Table[r.StartSubscription] = Table(
            "start_subscription", TABLES["start_subscription"], fresh
        )
        self.instances: Table[r.ProcessInstance] = Table(
            "process_instance", TABLES["process_instance"], fresh
        )
        self.elements: Table[r.ElementInstance] = Table("element_instance", TABLES["element_instance"], fresh)
        self.jobs: Table[r.Job] = Table("job", TABLES["job"], fresh)
        self.timers: Table[r.Timer] = Table("timer", TABLES["timer"], fresh)
        self.subscriptions: Table[r.MessageSubscription] = Table(
            "message_subscription", TABLES["message_subscription"], fresh
        )
        self.messages: Table[r.Message] = Table("message", TABLES["message"], fresh)
        self.correlations: Table[r.Correlation] = Table("correlation", TABLES["correlation"], fresh)
        self.variables: Table[r.Variable] = Table("variable", TABLES["variable"], fresh)
        self.changed: Table[r.VariableChange] = Table("variable_change", TABLES["variable_change"], fresh)
        self.joins: Table[r.Join] = Table("join_token", TABLES["join_token"], fresh)
        self.items: Table[r.Item] = Table("item", TABLES["item"], fresh)
        self.incidents: Table[r.IncidentRecord] = Table("incident", TABLES["incident"], fresh)
        self.commands: Table[r.CommandRow] = Table("command", TABLES["command"], fresh)
        self.by_name: dict[str, Table[Any]] = {
            table.name: table for table in vars(self).values() if isinstance(table, Table)
        }

    def reset(self) -> None:
        """Back to what was loaded, for another pass."""
        self.fresh.clear()
        for table in self.by_name.values():
            table.reset()

    def touched(self) -> Iterator[Table[Any]]:
        """The tables that may have to be written."""
        return (table for table in self.by_name.values() if table.live or table.removed)


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
