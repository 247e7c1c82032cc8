"""What the database says happened, read with plain SQL."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum

import sqlalchemy as sa

LEFTOVERS = (
    *("join_token", "timer", "message_subscription", "signal_subscription", "delivery"),
    *("command", "item"),
)
"""Tables of what waits: nothing of an ended instance may be in them."""


class End(IntEnum):
    """How elements and instances end, as the database numbers it."""

    COMPLETED = 3
    TERMINATED = 5


class JobEnd(IntEnum):
    ERROR_THROWN = 4
    COMPLETED = 5
    CANCELED = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    key: int
    root_key: int
    process_id: str
    parent_element_key: int | None
    idempotency_key: str | None
    start_key: str | None
    started_at: int
    state: int
    active: int
    ended_at: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """An element instance."""

    key: int
    instance_key: int
    scope_key: int
    element_id: str
    flow_id: str | None
    started_at: int
    state: int
    active: int
    interrupted_by: int | None
    loop_counter: int
    loop_total: int
    loop_completed: int
    ended_at: int | None

    @property
    def completed(self) -> bool:
        return self.state == End.COMPLETED


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    key: int
    element_key: int
    state: int
    due: int | None
    lease: int
    """How often it was handed out."""
    ended_at: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    key: int
    name: str
    correlation_key: str
    message_id: str | None


@dataclass(slots=True, kw_only=True)
class History:
    instances: dict[int, Instance]
    visits: dict[int, list[Visit]]
    """By scope: the process instance, sub-process or multi-instance body they are in."""
    jobs: dict[int, Job]
    messages: list[Message]
    correlated: set[tuple[int, str]]
    """Which message (key) went to which process (id)."""
    written: dict[tuple[int, str], list[str]]
    """Every value a variable (scope, name) ever had."""
    waiting: dict[str, int]
    """Rows left, by table."""
    incidents: list[str]
    """Open ones."""

    def text(self, scope: int, name: str) -> str | None:
        """A variable that is a text and was written once."""
        values = self.written.get((scope, name), [])
        return json.loads(values[0]) if len(values) == 1 else None

    def ref_of(self, root_key: int) -> str | None:
        """The reference a voyage was started with."""
        return self.text(root_key, "ref")


def _rows(connection: sa.Connection, table: str, columns: tuple[str, ...]) -> list[dict[str, int | str]]:
    names = ", ".join(columns)
    return [
        dict(zip(columns, row, strict=True))
        for row in connection.execute(sa.text(f"SELECT {names} FROM {table}"))
    ]


@contextmanager
def connected(url: str) -> Iterator[sa.Connection]:
    """A plain connection to the database, SQLite or PostgreSQL."""
    engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def read_history(url: str) -> History:
    with connected(url) as connection:
        return _read(connection)


def _read(connection: sa.Connection) -> History:
    instances = [Instance(**r) for r in _rows(connection, "process_instance", Instance.__slots__)]  # type: ignore[arg-type]
    visits = [Visit(**r) for r in _rows(connection, "element_instance", Visit.__slots__)]  # type: ignore[arg-type]
    jobs = [Job(**r) for r in _rows(connection, "job", Job.__slots__)]  # type: ignore[arg-type]
    messages = [Message(**r) for r in _rows(connection, "message", Message.__slots__)]  # type: ignore[arg-type]
    by_scope: dict[int, list[Visit]] = defaultdict(list)
    for visit in sorted(visits, key=lambda visit: (visit.started_at, visit.key)):
        by_scope[visit.scope_key].append(visit)
    return History(
        instances={instance.key: instance for instance in instances},
        visits=dict(by_scope),
        jobs={job.key: job for job in jobs},
        messages=messages,
        correlated={
            (key, process)
            for key, process in connection.execute(sa.text("SELECT message_key, process_id FROM correlation"))
        },
        written=_written(connection),
        waiting={
            table: connection.execute(sa.text(f"SELECT count(*) FROM {table}")).scalar_one()
            for table in LEFTOVERS
        },
        incidents=[
            f"{element}: {text}"
            for element, text in connection.execute(
                sa.text("SELECT element_id, message FROM incident WHERE ended_at IS NULL")
            )
        ],
    )


def _written(connection: sa.Connection) -> dict[tuple[int, str], list[str]]:
    written: dict[tuple[int, str], list[str]] = defaultdict(list)
    for scope, name, value in connection.execute(
        sa.text(
            "SELECT scope_key, name, value FROM variable_change "
            "UNION ALL SELECT scope_key, name, value FROM variable"
        )
    ):
        written[scope, name].append(value)
    return dict(written)
