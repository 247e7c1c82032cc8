"""The tables, as SQLAlchemy sees them: made from the engine's records, one column per field.

Hot statements are compiled from these once; searches and migrations use them as they are.
"""

from __future__ import annotations

import types
import typing
from functools import cache
from typing import Any

import sqlalchemy as sa

from procession.engine.tables import TABLES, Index, TableSpec
from procession.storage import columns
from procession.storage import operations as _operations  # noqa: F401 - its tables are part of the schema
from procession.storage.columns import ROW_KEY, TEXT

VERSION = 4
"""Of the schema this program writes."""
READABLE_SINCE = 2
"""Programs whose own version is at least this can work with it."""

metadata = columns.metadata

_TYPES: dict[type, sa.types.TypeEngine[Any]] = {
    int: sa.BigInteger(),
    str: TEXT,
    bytes: sa.LargeBinary(),
}


def _plain(hint: Any) -> type:
    """int, str or bytes of a field that may also be None."""
    parts = [part for part in typing.get_args(hint) if part is not types.NoneType] or [hint]
    plain: type = parts[0]
    return plain


@cache
def column_kinds(name: str) -> dict[str, type]:
    """What the fields of a table's records are: int, str or bytes."""
    hints = typing.get_type_hints(TABLES[name].record)
    return {field: _plain(hints[field]) for field in TABLES[name].record.__struct_fields__}


def _column(name: str, hint: Any, *, key: bool, single: bool) -> sa.Column[Any]:
    type_ = ROW_KEY if key and single else _TYPES[_plain(hint)]
    nullable = types.NoneType in typing.get_args(hint)
    return sa.Column(name, type_, primary_key=key, nullable=nullable, autoincrement=False)


def _table(name: str, spec: TableSpec) -> sa.Table:
    hints = typing.get_type_hints(spec.record)
    single = len(spec.key) == 1
    columns = [
        _column(field, hints[field], key=field in spec.key, single=single)
        for field in spec.record.__struct_fields__
    ]
    table = sa.Table(name, metadata, *columns, sqlite_with_rowid=single)
    made: set[tuple[str, ...]] = {spec.key[:1]}
    for index in spec.indexes.values():
        if index.fields not in made:
            made.add(index.fields)
            _index(table, index)
    return table


def _index(table: sa.Table, index: Index) -> None:
    conditions = [table.c[field].is_not(None) for field in index.fields if table.c[field].nullable]
    if index.open_only:
        conditions.append(table.c.ended_at.is_(None))
    where = sa.and_(*conditions) if conditions else None
    columns = [table.c[field] for field in (*index.fields, *(("key",) if index.paged else ()))]
    name = f"ix_{table.name}_{'_'.join(column.name for column in columns)}"
    sa.Index(name, *columns, unique=index.unique, sqlite_where=where, postgresql_where=where)


tables = {name: _table(name, spec) for name, spec in TABLES.items()}


def _search_index(name: str, *columns: sa.Column[Any], where: sa.ColumnElement[bool] | None = None) -> None:
    sa.Index(name, *columns, sqlite_where=where, postgresql_where=where)


_job = tables["job"].c
_instance = tables["process_instance"].c
_element = tables["element_instance"].c
_message = tables["message"].c
_incident = tables["incident"].c
_search_index("ix_job_activatable", _job.type, _job.priority, _job.due, where=_job.due.is_not(None))
_search_index("ix_timer_due", tables["timer"].c.due)
_search_index("ix_message_expires", _message.expires_at)
_search_index("ix_element_instance_instance", _element.instance_key)
_search_index(
    "ix_process_instance_business_key", _instance.business_key, where=_instance.business_key.is_not(None)
)
_search_index("ix_incident_open", _incident.instance_key, where=_incident.ended_at.is_(None))

engine_state = sa.Table(
    "engine_state",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("last_now", sa.BigInteger, nullable=False),
    sa.Column("clock_offset", sa.BigInteger, nullable=False),
    sa.Column("time_zone", TEXT, nullable=False),
    sa.Column("next_key", sa.BigInteger, nullable=False),
)
"""One row: the clock all nodes share, and the next block of keys."""

schema_info = sa.Table(
    "schema_info",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("readable_since", sa.Integer, nullable=False),
)
