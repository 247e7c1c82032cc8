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


class Known:
    """What storage remembers between transactions: rows a unit of work need not load."""

    __slots__ = ("lookups", "owners", "rows", "tables")

    def __init__(self) -> None:
        self.owners: dict[int, dict[Key, str]] = {}
        """By every key that belongs to a root: the keys of all its rows, with the table of each."""
        self.rows: dict[str, dict[Key, Row]] = {}
        """The rows of these roots, by table and key."""
        self.tables: dict[str, dict[Key, Row | None]] = {}
        """Rows (None: there is none) of tables that are kept as they were loaded."""
        self.lookups: dict[tuple[str, str], dict[Key, list[Key]]] = {}
        """Likewise, the answers to look-ups, by table and index."""


_astuple = msgspec.structs.astuple
_NO_ROWS: dict[Key, Row] = {}
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

    __slots__ = ("added", "asked", "inside_root", "loaded", "of", "open_only", "spec")

    def __init__(self, spec: Index, of: Callable[[Any], Key], loaded: dict[Key, list[Key]]) -> None:
        self.spec = spec
        self.of = of
        self.inside_root = spec.fields in (("scope_key",), ("element_key",))
        """Its values are keys of a root, and what is found is of the same root and not ended."""
        self.open_only = spec.open_only
        self.loaded = loaded
        self.added: dict[Key, list[Key]] = {}
        self.asked = False

    def note(self, key: Key, record: Any) -> None:
        self.added.setdefault(self.of(record), []).append(key)


class _Indexes(dict[str, IndexView]):
    """The views of a table's indexes, each made when first asked for."""

    __slots__ = ("_known", "_table")

    def __init__(self, table: str, known: Known) -> None:
        self._table = table
        self._known = known

    def __missing__(self, name: str) -> IndexView:
        which = (self._table, name)
        spec = TABLES[self._table].indexes[name]
        view = self[name] = IndexView(spec, _INDEX_OF[which], self._known.lookups.get(which, {}))
        return view


class Changes(msgspec.Struct, Generic[R]):
    """What became of the records of one table."""

    added: list[R]
    updated: list[R]
    updated_rows: list[Row]
    """The same as tuples."""
    rewritten: list[R]
    """Those that changed in other fields as well: what stands there is replaced whole."""
    removed: list[Key]


class Table(Generic[R]):
    """The records of one kind within a unit of work."""

    __slots__ = (
        "added",
        "asked",
        "empty",
        "fresh",
        "indexes",
        "key_of",
        "live",
        "loaded",
        "name",
        "owners",
        "read",
        "record",
        "remembered",
        "removed",
        "rewritten",
    )

    def __init__(self, name: str, spec: TableSpec, fresh: set[int], known: Known) -> None:
        self.name = name
        self.record = cast(type[R], spec.record)
        self.key_of = _KEY_OF[name]
        self.fresh = fresh
        self.empty: set[int] = set()
        """Owners of which nothing is stored here, as other records tell."""
        self.owners = known.owners
        self.remembered = known.rows.get(name, _NO_ROWS)
        self.loaded: dict[Key, Row | None] = known.tables.get(name, {})
        self.live: dict[Key, R] = {}
        """All records at hand: those made from rows, and those that are new."""
        self.read: dict[Key, R] = {}
        self.added: dict[Key, R] = {}
        self.removed: set[Key] = set()
        self.rewritten: set[Key] = set()
        self.indexes = _Indexes(name, known)
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
        if row is _UNKNOWN:
            row = self.remembered.get(key)
            if row is None:
                owner = key if key.__class__ is int else key[0]
                if owner in self.fresh or owner in self.empty:
                    return None
                if owner not in self.owners:
                    raise Missed(self.name, None, key)
            self.loaded[key] = row
        if row is None or key in self.removed:
            return None
        record = self.live[key] = self.read[key] = self.record(*row)
        return record

    def row(self, key: Key) -> Row | None:
        """The record as a tuple, or None if there is none: for what is looked at, not changed.

        Raises:
            Missed: it was not loaded.
        """
        record = self.live.get(key)
        if record is not None:
            return _astuple(record)
        row = self.loaded.get(key, _UNKNOWN)
        if row is _UNKNOWN:
            row = self.remembered.get(key)
            if row is None:
                owner = key if key.__class__ is int else key[0]
                if owner not in self.owners and owner not in self.fresh and owner not in self.empty:
                    raise Missed(self.name, None, key)
        return None if self.removed and key in self.removed else row

    @property
    def changed(self) -> bool:
        """Whether anything may have to be written."""
        return bool(self.live or self.removed)

    def known(self, key: Key) -> bool:
        """Whether `get` would answer."""
        if key in self.live or key in self.loaded or key in self.removed:
            return True
        owner = key if key.__class__ is int else key[0]
        return owner in self.fresh or owner in self.owners

    def find(self, index: str, value: Key) -> list[R]:
        """All records with this value of an index, lowest key first; of a paged one, the stored ones.

        Raises:
            Missed: the look-up was not loaded.
        """
        view = self.indexes[index]
        keys = view.loaded.get(value)
        if keys is None and value not in self.fresh:
            keys = self._recall(view, value)
            if keys is None:
                raise Missed(self.name, index, value)
        if view.spec.paged:
            return [present for key in keys or () if (present := self.get(key)) is not None]
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

    def _recall(self, view: IndexView, value: Key) -> list[Key] | None:
        """The answer to a look-up from the remembered rows, if they have it."""
        members = self.owners.get(value) if view.inside_root else None
        if members is None:
            return None
        (field,) = view.spec.fields
        place, name, rows = self.record.__struct_fields__.index(field), self.name, self.remembered
        keys = sorted([key for key, table in members.items() if table == name and rows[key][place] == value])
        view.loaded[value] = keys
        return keys

    def found(self, index: str, value: Key) -> bool:
        """Whether `find` would answer."""
        view = self.indexes[index]
        return value in view.loaded or value in self.fresh or (view.inside_root and value in self.owners)

    def truncated(self, index: str, value: Key) -> bool:
        """Whether there may be more than were loaded."""
        view = self.indexes[index]
        return view.spec.limit is not None and len(view.loaded.get(value, ())) >= view.spec.limit

    def add(self, record: R) -> R:
        """A new record. One with this key may have been removed before."""
        key = self.key_of(record)
        self.removed.discard(key)
        return self.add_new(key, record)

    def add_new(self, key: Key, record: R) -> R:
        """A record whose key was not used before."""
        self.live[key] = self.added[key] = record
        for view in self.asked:
            view.note(key, record)
        return record

    def rewrite(self, record: R) -> None:
        """Write all fields of a loaded record, also those that `TableSpec.changes` does not name."""
        self.rewritten.add(self.key_of(record))

    def remove(self, record: R) -> None:
        key = self.key_of(record)
        self.rewritten.discard(key)
        self.live.pop(key, None)
        self.read.pop(key, None)
        if self.added.pop(key, None) is None or self.loaded.get(key) is not None:
            self.removed.add(key)

    def reset(self) -> None:
        """Forget what was done, keep what was loaded."""
        self.live.clear()
        self.read.clear()
        self.added.clear()
        self.removed.clear()
        self.rewritten.clear()
        self.empty.clear()
        for view in self.asked:
            view.added.clear()
            view.asked = False
        self.asked.clear()

    def changes(self) -> Changes[R]:
        """What storage must write."""
        added, loaded = self.added, self.loaded
        inserts, compared = list(added.values()), self.read
        if not added.keys().isdisjoint(loaded):  # some were removed before, or looked for in vain
            again = {key: record for key, record in added.items() if loaded.get(key) is not None}
            inserts = [record for key, record in added.items() if key not in again]
            compared = {**compared, **again}
        rewritten: list[R] = []
        if self.rewritten:
            rewritten = [record for key, record in compared.items() if key in self.rewritten]
            compared = {key: record for key, record in compared.items() if key not in self.rewritten}
        updates: list[R] = []
        rows: list[Row] = []
        for key, record in compared.items():
            row = _astuple(record)
            if row != loaded[key]:
                updates.append(record)
                rows.append(row)
        removed = [key for key in self.removed if loaded.get(key) is not None]
        return Changes(inserts, updates, rows, rewritten, removed)


class _Tables(dict[str, "Table[Any]"]):
    """A unit's tables by name."""

    __slots__ = ("_unit",)

    def __init__(self, unit: Unit) -> None:
        self._unit = unit

    def __missing__(self, name: str) -> Table[Any]:
        table = self[name] = Table(name, TABLES[name], self._unit.fresh, self._unit.known)
        return table


_ATTRIBUTES = {
    "resources": "resource",
    "definitions": "definition",
    "starts": "start_subscription",
    "signal_starts": "signal_start",
    "instances": "process_instance",
    "elements": "element_instance",
    "jobs": "job",
    "timers": "timer",
    "subscriptions": "message_subscription",
    "signals": "signal_subscription",
    "messages": "message",
    "correlations": "correlation",
    "deliveries": "delivery",
    "variables": "variable",
    "changed": "variable_change",
    "joins": "join_token",
    "items": "item",
    "incidents": "incident",
    "commands": "command",
}


class Unit:
    """All tables of one transaction.

    `fresh` holds the keys given out in it: nothing of theirs is stored. `known` are rows that need not
    be loaded.
    """

    resources: Table[r.Resource]
    definitions: Table[r.Definition]
    starts: Table[r.StartSubscription]
    signal_starts: Table[r.SignalStart]
    instances: Table[r.ProcessInstance]
    elements: Table[r.ElementInstance]
    jobs: Table[r.Job]
    timers: Table[r.Timer]
    subscriptions: Table[r.MessageSubscription]
    signals: Table[r.SignalSubscription]
    messages: Table[r.Message]
    correlations: Table[r.Correlation]
    deliveries: Table[r.Delivery]
    variables: Table[r.Variable]
    changed: Table[r.VariableChange]
    joins: Table[r.Join]
    items: Table[r.Item]
    incidents: Table[r.IncidentRecord]
    commands: Table[r.CommandRow]

    def __init__(self, known: Known | None = None) -> None:
        self.fresh: set[int] = set()
        self.known = known if known is not None else Known()
        self.by_name = _Tables(self)

    def __getattr__(self, attribute: str) -> Any:
        """A table is made when it is first asked for: most batches need few."""
        name = _ATTRIBUTES.get(attribute)
        if name is None:
            raise AttributeError(attribute)
        table = self.by_name[name]
        setattr(self, attribute, table)
        return table

    def reset(self) -> None:
        """Back to what was loaded, for another pass."""
        self.fresh.clear()
        for table in self.by_name.values():
            table.reset()

    def take_back(self, root_key: int) -> None:
        """Forget a new root process instance with all that was added to it: it is not made after all."""
        for table in self.by_name.values():
            for record in list(table.added.values()):
                if getattr(record, "root_key", None) == root_key:
                    table.remove(record)

    def touched(self) -> Iterator[Table[Any]]:
        """The tables that may have to be written."""
        tables = self.by_name
        return (tables[name] for name in TABLES if name in tables and tables[name].changed)
