"""What the databases do differently."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler

SQLITE = "sqlite"
MARIADB = ("mysql", "mariadb")

_BUSY_MARIADB = {1020, 1205, 1213}
"""ER_CHECKREAD, ER_LOCK_WAIT_TIMEOUT, ER_LOCK_DEADLOCK."""
_BUSY_POSTGRESQL = {"40001", "40P01", "55P03"}
"""serialization_failure, deadlock_detected, lock_not_available (PostgreSQL, appendix A)."""
_BUSY_SQLITE = {5, 6}
"""SQLITE_BUSY and SQLITE_LOCKED, without what extends them."""


class now_ms(sa.sql.functions.GenericFunction[int]):  # noqa: N801 - a function, as in SQL
    """The database's own clock, in milliseconds since 1970: leases of several hosts are compared with it."""

    type = sa.BigInteger()
    inherit_cache = True


@compiles(now_ms, "postgresql")
def _postgresql(element: now_ms, compiler: SQLCompiler, **options: Any) -> str:
    return "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)"


@compiles(now_ms, "mysql")
@compiles(now_ms, "mariadb")
def _mariadb(element: now_ms, compiler: SQLCompiler, **options: Any) -> str:
    # Not UNIX_TIMESTAMP of the session's time, which is the same twice when summer ends.
    return "TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)) DIV 1000"


@compiles(now_ms, "sqlite")
def _sqlite(element: now_ms, compiler: SQLCompiler, **options: Any) -> str:
    return "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)"


def begin_writing(connection: sa.Connection, table: sa.Table) -> None:
    """On SQLite, wait for the write lock now; elsewhere rows are locked one by one.

    A transaction that reads first could not write any more once another has written. This statement
    deletes nothing, and works however the driver begins its transactions.
    """
    if connection.dialect.name == SQLITE:
        connection.execute(table.delete().where(sa.false()))


def busy(error: sa.exc.DBAPIError) -> bool:
    """Whether others were in the way, so that the same transaction may succeed when it is done again."""
    cause: Any = error.orig
    code = getattr(cause, "sqlite_errorcode", None)
    if isinstance(code, int):
        return code & 0xFF in _BUSY_SQLITE
    if getattr(cause, "sqlstate", None) in _BUSY_POSTGRESQL:
        return True
    return bool(cause is not None and cause.args and cause.args[0] in _BUSY_MARIADB)
