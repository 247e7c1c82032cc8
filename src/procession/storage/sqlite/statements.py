"""The hot statements, compiled once from the tables: plain SQL, run with tuples on the driver.

Each step of a statement gives the interpreter lock away and takes it back, and another thread may
come between. So rows are read as one JSON text, and written in blocks.
"""

from __future__ import annotations

import typing

import msgspec

from procession.engine.tables import TABLES, Index, TableSpec

BLOCKS = (128, 64, 32, 16, 8, 4, 2, 1)
"""Rows that one statement writes."""


class Insert(msgspec.Struct, frozen=True):
    """Inserts rows that differ in some columns only; the others are given once for all of them.

    That takes a third of the time that naming every value of every row does.
    """

    own: tuple[int, ...]
    """Places of the columns that differ."""
    shared: tuple[int, ...]
    """Places of those that are given once."""
    blocks: tuple[str, ...]
    """One per size of a block. Parameters: each row's own values, one row after the other, then the
    shared ones."""


class Statements(msgspec.Struct, frozen=True):
    """What the hot path does with one table (SQLite's dialect, parameters by position)."""

    columns: str
    insert: Insert
    update: str | None
    """Sets the columns that change to the same values in many rows; parameters are those values and a
    JSON array of keys. None where the key has several columns."""
    update_blocks: tuple[str, ...]
    """Sets them to different values; parameters are the columns that change, then the key, one row after
    the other."""
    is_text: bool
    """Rows are answered as one JSON array; otherwise (binary columns) as rows."""
    delete: str
    by_key: str
    """One parameter: a JSON array of keys (of arrays, where the key has several columns)."""
    by_index: dict[str, str]
    """Likewise, with the values of the index."""


def compile_statements(name: str, spec: TableSpec) -> Statements:
    where = " AND ".join(f"{field}=?" for field in spec.key)
    columns = ",".join(f"t.{field}" for field in spec.record.__struct_fields__)
    return Statements(
        columns=columns,
        insert=_insert(name, spec),
        update=_update(name, spec) if len(spec.key) == 1 else None,
        update_blocks=tuple(_update_block(name, spec, rows) for rows in BLOCKS) if spec.changes else (),
        is_text=_is_text(spec),
        delete=f"DELETE FROM {name} WHERE {where}",
        by_key=_answer(_select(name, columns, spec.key), spec),
        by_index={
            key: _answer(_find(name, columns, index, spec), spec) for key, index in spec.indexes.items()
        },
    )


def _insert(name: str, spec: TableSpec) -> Insert:
    fields = spec.record.__struct_fields__
    own = spec.own or fields
    shared = tuple(field for field in fields if field not in own)
    return Insert(
        tuple(fields.index(field) for field in own),
        tuple(fields.index(field) for field in shared),
        tuple(_insert_block(name, own, shared, rows) for rows in BLOCKS),
    )


def _insert_block(name: str, own: tuple[str, ...], shared: tuple[str, ...], rows: int) -> str:
    values = ",".join([f"({','.join('?' * len(own))})"] * rows)
    if not shared:
        return f"INSERT INTO {name} ({','.join(own)}) VALUES {values}"
    return (
        f"WITH v({','.join(f'v_{field}' for field in own)}) AS (VALUES {values}) "
        f"INSERT INTO {name} ({','.join((*own, *shared))}) "
        f"SELECT {','.join(f'v_{field}' for field in own)},{','.join('?' * len(shared))} FROM v"
    )


def _update(name: str, spec: TableSpec) -> str | None:
    if not spec.changes:
        return None
    assignments = ",".join(f"{field}=?" for field in spec.changes)
    return f"UPDATE {name} SET {assignments} WHERE {spec.key[0]} IN (SELECT value FROM json_each(?))"


def _is_text(spec: TableSpec) -> bool:
    hints = typing.get_type_hints(spec.record).values()
    return not any(hint is bytes or bytes in typing.get_args(hint) for hint in hints)


def _answer(statement: str, spec: TableSpec) -> str:
    if not _is_text(spec):
        return statement
    fields = ",".join(spec.record.__struct_fields__)
    return f"SELECT json_group_array(json_array({fields})) FROM ({statement})"


def _update_block(name: str, spec: TableSpec, rows: int) -> str:
    fields = (*spec.changes, *spec.key)
    row = f"({','.join('?' * len(fields))})"
    values = f"WITH v({','.join(f'v_{field}' for field in fields)}) AS (VALUES {','.join([row] * rows)})"
    assignments = ",".join(f"{field}=v.v_{field}" for field in spec.changes)
    match = " AND ".join(f"{name}.{field}=v.v_{field}" for field in spec.key)
    return f"{values} UPDATE {name} SET {assignments} FROM v WHERE {match}"


def _select(name: str, columns: str, fields: tuple[str, ...]) -> str:
    if len(fields) == 1:
        return f"SELECT {columns} FROM {name} t WHERE t.{fields[0]} IN (SELECT value FROM json_each(?1))"
    match = " AND ".join(f"t.{field}=json_extract(j.value,'$[{i}]')" for i, field in enumerate(fields))
    return f"SELECT {columns} FROM json_each(?1) j CROSS JOIN {name} t ON {match}"


def _find(name: str, columns: str, index: Index, spec: TableSpec) -> str:
    if index.paged:
        return _page(name, columns, index)
    statement = _select(name, columns, index.fields)
    if index.open_only:
        joiner = " AND " if len(index.fields) == 1 else " WHERE "
        statement = f"{statement}{joiner}t.ended_at IS NULL"
    statement = f"{statement} ORDER BY {','.join(f't.{field}' for field in spec.key)}"
    return statement if index.limit is None else f"{statement} LIMIT {index.limit}"


def _page(name: str, columns: str, index: Index) -> str:
    """For a single value, so that the index gives the order and no more than a page is read."""
    match = "".join(f"t.{field}=json_extract(?1,'$[0][{i}]') AND " for i, field in enumerate(index.fields))
    after = f"t.key>json_extract(?1,'$[0][{len(index.fields)}]')"
    return f"SELECT {columns} FROM {name} t WHERE {match}{after} ORDER BY t.key LIMIT {index.limit}"


STATEMENTS = {name: compile_statements(name, spec) for name, spec in TABLES.items()}
