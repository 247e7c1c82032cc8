"""The hot statements, compiled once from the tables: plain SQL, run with tuples on the driver."""

from __future__ import annotations

import msgspec

from procession.engine.tables import TABLES, Index, TableSpec


class Statements(msgspec.Struct, frozen=True):
    """What the hot path does with one table (SQLite's dialect, parameters by position)."""

    width: int
    columns: str
    insert: str
    update: str | None
    """Sets all columns but the key; parameters are those columns, then the key."""
    delete: str
    by_key: str
    """One parameter: a JSON array of keys (of arrays, where the key has several columns)."""
    by_index: dict[str, str]
    """Likewise, with the values of the index."""


def compile_statements(name: str, spec: TableSpec) -> Statements:
    fields = spec.record.__struct_fields__
    rest = [field for field in fields if field not in spec.key]
    where = " AND ".join(f"{field}=?" for field in spec.key)
    columns = ",".join(f"t.{field}" for field in fields)
    assignments = ",".join(f"{field}=?" for field in rest)
    return Statements(
        width=len(fields),
        columns=columns,
        insert=f"INSERT INTO {name} ({','.join(fields)}) VALUES ({','.join('?' * len(fields))})",
        update=f"UPDATE {name} SET {assignments} WHERE {where}" if rest else None,
        delete=f"DELETE FROM {name} WHERE {where}",
        by_key=_select(name, columns, spec.key),
        by_index={key: _find(name, columns, index, spec) for key, index in spec.indexes.items()},
    )


def _select(name: str, columns: str, fields: tuple[str, ...]) -> str:
    if len(fields) == 1:
        return f"SELECT {columns} FROM {name} t WHERE t.{fields[0]} IN (SELECT value FROM json_each(?1))"
    match = " AND ".join(f"t.{field}=json_extract(j.value,'$[{i}]')" for i, field in enumerate(fields))
    return f"SELECT {columns} FROM json_each(?1) j CROSS JOIN {name} t ON {match}"


def _find(name: str, columns: str, index: Index, spec: TableSpec) -> str:
    statement = _select(name, columns, index.fields)
    if index.open_only:
        joiner = " AND " if len(index.fields) == 1 else " WHERE "
        statement = f"{statement}{joiner}t.ended_at IS NULL"
    statement = f"{statement} ORDER BY {','.join(f't.{field}' for field in spec.key)}"
    return statement if index.limit is None else f"{statement} LIMIT {index.limit}"


STATEMENTS = {name: compile_statements(name, spec) for name, spec in TABLES.items()}

_element = STATEMENTS["element_instance"]
ELEMENTS_WITH_SCOPES = (
    "WITH RECURSIVE around(key) AS (SELECT value FROM json_each(?1) UNION "
    "SELECT e.scope_key FROM around JOIN element_instance e ON e.key=around.key "
    "WHERE e.scope_key<>e.instance_key) "
    f"SELECT {_element.columns} FROM around JOIN element_instance t ON t.key=around.key"
)
"""Element instances by key, with all element instances around each."""
