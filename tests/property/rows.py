"""Everything stored, read around the engine: for invariants, choices and comparisons."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from msgspec import Struct, structs

from procession.engine import records as r
from procession.engine.tables import TABLES

KEY_FIELDS = frozenset(
    {
        *("key", "root_key", "instance_key", "scope_key", "element_key", "parent_element_key"),
        *("job_key", "incident_key", "interrupted_by", "subscription_key"),
    }
)


class Rows(Struct):
    """The records of a database, or of one root in it, each table in the order of its keys."""

    instances: list[r.ProcessInstance]
    elements: list[r.ElementInstance]
    jobs: list[r.Job]
    timers: list[r.Timer]
    subscriptions: list[r.MessageSubscription]
    variables: list[r.Variable]
    changes: list[r.VariableChange]
    joins: list[r.Join]
    items: list[r.Item]
    incidents: list[r.IncidentRecord]
    commands: list[r.CommandRow]
    signals: list[r.SignalSubscription]
    deliveries: list[r.Delivery]

    def of(self, root_key: int) -> Rows:
        """What belongs to one root."""
        mine = {one.key for one in self.subscriptions if one.root_key == root_key}

        def belongs(record: Any) -> bool:
            if isinstance(record, r.Delivery):
                return record.subscription_key in mine
            return bool(record.root_key == root_key)

        return self._map(lambda records: [one for one in records if belongs(one)])

    def unfinished(self) -> list[Any]:
        """Everything that has not ended, for messages."""
        lasting: list[Any] = [*self.instances, *self.elements, *self.incidents, *self.jobs]
        waiting: list[Any] = [*self.timers, *self.subscriptions, *self.joins, *self.items, *self.commands]
        unfinished = [*(one for one in lasting if one.ended_at is None), *waiting]
        return [*unfinished, *self.signals, *self.deliveries]

    def _map(self, change: Callable[[list[Any]], list[Any]]) -> Rows:
        return Rows(*(change(records) for records in structs.astuple(self)))

    def normalised(self, definitions: dict[int, str]) -> Rows:
        """With keys replaced by their rank among all keys, and definitions by their process ids."""
        keys = sorted(
            {one.key for records in structs.astuple(self) for one in records if hasattr(one, "key")}
        )
        ranks: dict[int | None, int | None] = {key: rank for rank, key in enumerate(keys)}
        ranks[None] = None

        def change(record: Any) -> Any:
            fields = structs.asdict(record)
            new: dict[str, Any] = {name: ranks[fields[name]] for name in KEY_FIELDS & fields.keys()}
            if "definition_key" in fields:
                new["definition_key"] = definitions[fields["definition_key"]]
            return structs.replace(record, **new)

        return self._map(lambda records: [change(one) for one in records])


def differences(ones: list[Rows], others: list[Rows]) -> list[Any]:
    """The records that only one of two end states has, instance by instance."""
    found: list[Any] = []
    for one, other in zip(ones, others, strict=True):
        for mine, theirs in zip(structs.astuple(one), structs.astuple(other), strict=True):
            found += [record for record in mine if record not in theirs]
            found += [record for record in theirs if record not in mine]
    return found


_TABLES = (
    *("process_instance", "element_instance", "job", "timer", "message_subscription", "variable"),
    *("variable_change", "join_token", "item", "incident", "command", "signal_subscription", "delivery"),
)


def read_rows(database: Path) -> Rows:
    """What is committed."""
    with closing(sqlite3.connect(database)) as connection:
        return Rows(*(_read(connection, name) for name in _TABLES))


def _read(connection: sqlite3.Connection, name: str) -> list[Any]:
    spec = TABLES[name]
    columns, key = ",".join(spec.record.__struct_fields__), ",".join(spec.key)
    return [spec.record(*row) for row in connection.execute(f"SELECT {columns} FROM {name} ORDER BY {key}")]


def dump(database: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table."""
    with closing(sqlite3.connect(database)) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type='table'")]
        return {name: sorted(connection.execute(f"SELECT * FROM {name}"), key=repr) for name in names}
