"""Many instances out of one that really ran: its rows, in every table, set-based, under new keys."""

from __future__ import annotations

import psycopg
from psycopg import sql

from procession.storage.schema import tables

SHARED = ("definition_key",)
"""Keys of records that all copies share."""
SUFFIXED = ("correlation_key",)
"""Texts that differ from copy to copy: the original's, a hyphen and the copy's number."""


def copy_instance(url: str, root_key: int, count: int) -> None:
    """Add `count` copies of the rows of a root process instance. No node may run meanwhile."""
    with psycopg.connect(url) as connection:
        connection.execute("SET LOCAL synchronous_commit TO off")
        names = [name for name, table in tables.items() if "root_key" in table.c]
        last = max(_last_key(connection, name, root_key) for name in names)
        [first] = connection.execute("SELECT next_key FROM engine_state").fetchone() or ()
        stride = last - root_key + 1
        for name in names:
            connection.execute(_copy(name), {"root": root_key, "count": count, "at": first, "by": stride})
        connection.execute("UPDATE engine_state SET next_key=next_key+%s", (stride * count,))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")


def _last_key(connection: psycopg.Connection[tuple[int, ...]], name: str, root_key: int) -> int:
    if "key" not in tables[name].c:
        return root_key
    query = sql.SQL("SELECT coalesce(max(key), 0) FROM {} WHERE root_key=%s").format(sql.Identifier(name))
    row = connection.execute(query, (root_key,)).fetchone()
    return row[0] if row else 0


def _copy(name: str) -> sql.Composed:
    """Each key moves by as much as its instance does."""
    moved, kept = sql.SQL("%(at)s + n*%(by)s + t.{0} - %(root)s"), sql.SQL("t.{0}")
    suffixed = sql.SQL("t.{0} || '-' || n")
    columns = [sql.Identifier(column.name) for column in tables[name].c]
    values = [
        (suffixed if column.name in SUFFIXED else moved if _moves(column.name) else kept).format(
            sql.Identifier(column.name)
        )
        for column in tables[name].c
    ]
    return sql.SQL(
        "INSERT INTO {table} ({columns}) SELECT {values} FROM {table} t, generate_series(0, %(count)s - 1) n "
        "WHERE t.root_key=%(root)s"
    ).format(table=sql.Identifier(name), columns=sql.SQL(",").join(columns), values=sql.SQL(",").join(values))


def _moves(column: str) -> bool:
    keys = column == "key" or column.endswith("_key")
    texts = ("correlation_key", "business_key", "idempotency_key", "start_key")
    return keys and column not in SHARED and column not in texts
