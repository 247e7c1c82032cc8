"""Records to store: random ones of every table, and plain ones with what a test cares about."""

from __future__ import annotations

import types
import typing
from typing import Any

from hypothesis import strategies as st

from procession.engine import Reads, Table, Unit
from procession.engine.records import Job, Record, Timer
from procession.engine.tables import TABLES
from procession.storage.port import Storage, Transaction

# What JSON and both databases can hold: no NUL, no half characters.
_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
_VALUES: dict[Any, st.SearchStrategy[Any]] = {
    int: st.integers(-(2**62), 2**62),
    str: _TEXT,
    bytes: st.binary(max_size=20),
    types.NoneType: st.none(),
}
_PLAIN: dict[Any, Any] = {int: 7, str: "seven", bytes: b"seven"}


def records(name: str) -> st.SearchStrategy[Any]:
    """Any record of a table."""
    kind = TABLES[name].record
    return st.builds(kind, **{field: _strategy(hint) for field, hint in typing.get_type_hints(kind).items()})


def _strategy(hint: Any) -> st.SearchStrategy[Any]:
    return st.one_of([_VALUES[part] for part in typing.get_args(hint) or (hint,)])


def plain(table: str, key: int, /, **fields: Any) -> Any:
    """A record of a table without surprises; `key` tells it from others."""
    spec = TABLES[table]
    values = {
        field: None if typing.get_args(hint) else _PLAIN[hint]
        for field, hint in typing.get_type_hints(spec.record).items()
    }
    key_field = next((f for f in reversed(spec.key) if typing.get_type_hints(spec.record)[f] is int), "key")
    values[key_field] = key
    return spec.record(**(values | fields))


def job(key: int, **fields: Any) -> Job:
    """A job that may be handed out."""
    return typing.cast(Job, plain("job", key, **({"type": "t", "priority": 50, "due": 0} | fields)))


def timer(key: int, due: int) -> Timer:
    return typing.cast(Timer, plain("timer", key, due=due))


def save(storage: Storage, *added: Record) -> int:
    """Commit new records. Answers the time of the transaction."""
    with storage.transaction() as transaction:
        now = transaction.clock.now
        add(transaction, *added)
        transaction.commit()
        return now


def add(transaction: Transaction, *added: Record) -> None:
    """Write new records, without committing."""
    unit = Unit()
    for record in added:
        table_of(unit, record).add(record)
    transaction.write(unit)


def table_of(unit: Unit, record: Record) -> Table[Any]:
    return unit.by_name[next(name for name, spec in TABLES.items() if spec.record is type(record))]


def load(transaction: Transaction, name: str, *keys: Any) -> Table[Any]:
    """A table in which these keys are known."""
    unit = Unit()
    reads = Reads(unit, lambda key: None)
    table = unit.by_name[name]
    for key in keys:
        reads.get(table, key)
    transaction.load(reads)
    return table


def find(transaction: Transaction, name: str, index: str, *values: Any) -> Table[Any]:
    """A table in which these look-ups are known."""
    unit = Unit()
    reads = Reads(unit, lambda key: None)
    table = unit.by_name[name]
    for value in values:
        reads.find(table, index, value)
    transaction.load(reads)
    return table


def stored(storage: Storage, name: str, *keys: Any) -> list[Any]:
    """What is committed under these keys, None for what is not."""
    with storage.transaction() as transaction:
        table = load(transaction, name, *keys)
        return [table.get(key) for key in keys]
