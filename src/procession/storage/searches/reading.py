"""Connections, times and states, as all searches need them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from procession.engine.records import COMPLETED, TERMINATED
from procession.storage.schema import engine_state
from procession.storage.searches.values import InstanceStatus

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // timedelta(milliseconds=1)
_ENDED = {COMPLETED: InstanceStatus.COMPLETED, TERMINATED: InstanceStatus.TERMINATED}


@contextmanager
def reading(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A connection that sees one committed state for as long as it is open.

    Raises:
        StorageError: the database cannot be read.
    """
    with _translated(engine), engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            connection.execution_options(isolation_level="REPEATABLE READ")
        else:
            connection.exec_driver_sql("BEGIN")
        yield connection


def _translated(engine: sa.Engine) -> AbstractContextManager[None]:
    """Says the driver's errors in our words."""
    if engine.dialect.name == "postgresql":
        from procession.storage.postgresql.reading import translated_errors
    else:
        from procession.storage.sqlite.faults import translated_errors
    return translated_errors(engine)


def moment(milliseconds: int) -> datetime:
    """Epoch milliseconds as a time; times past the calendar's end become its end."""
    return _EPOCH + timedelta(milliseconds=min(milliseconds, _LAST))


def moment_or_none(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else moment(milliseconds)


def status_of(state: int) -> InstanceStatus:
    return _ENDED.get(state, InstanceStatus.ACTIVE)


def now(connection: sa.Connection) -> int:
    """The time of the nodes of this database, in epoch milliseconds."""
    query = sa.select(engine_state.c.last_now, engine_state.c.clock_offset)
    row = connection.execute(query).one()
    if connection.dialect.name == "postgresql":
        server = connection.exec_driver_sql(
            "SELECT floor(extract(epoch FROM clock_timestamp())*1000)::bigint"
        )
        return int(server.scalar_one() + row.clock_offset)
    return int(max(time.time_ns() // 1_000_000 + row.clock_offset, row.last_now))
