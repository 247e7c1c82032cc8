"""What is in a database, in numbers."""

from __future__ import annotations

import sqlalchemy as sa

from procession.engine.records import JobState
from procession.storage.schema import schema_info, tables
from procession.storage.searches.definitions import latest_definitions
from procession.storage.searches.instances import count_by_state
from procession.storage.searches.reading import moment_or_none, now, reading
from procession.storage.searches.values import JobCounts, Status

_job = tables["job"].c
_timer = tables["timer"].c
_message = tables["message"].c
_incident = tables["incident"].c


def status(engine: sa.Engine) -> Status:
    """Counts of everything that is running or waits."""
    with reading(engine) as connection:
        # First, as everybody does: so an upgrade and this cannot wait for each other.
        version = connection.execute(sa.select(schema_info.c.version)).scalar_one()
        at = now(connection)
        timers, next_due = connection.execute(sa.select(sa.func.count(), sa.func.min(_timer.due))).one()
        buffered = sa.select(sa.func.count()).where(_message.expires_at > at)
        open_incidents = sa.select(sa.func.count()).where(_incident.ended_at.is_(None))
        return Status(
            schema_version=version,
            instances=count_by_state(connection),
            open_incidents=connection.execute(open_incidents).scalar_one(),
            jobs=_jobs(connection, at),
            timers=timers,
            next_timer_due=moment_or_none(next_due),
            messages=connection.execute(buffered).scalar_one(),
            definitions=latest_definitions(connection),
        )


def _jobs(connection: sa.Connection, at: int) -> list[JobCounts]:
    leased = sa.and_(_job.due > at, _job.state == JobState.ACTIVATED.value)
    retrying = sa.and_(_job.due > at, _job.state != JobState.ACTIVATED.value)
    handed_out = (
        sa.select(_job.type, _count(_job.due <= at), _count(leased), _count(retrying))
        .where(_job.due.is_not(None))
        .group_by(_job.type)
    )
    # A job that failed for good is found by its incident: there is no index on failed jobs.
    failed = (
        sa.select(_job.type, sa.func.count())
        .join_from(tables["incident"], tables["job"], _job.key == _incident.job_key)
        .where(_incident.ended_at.is_(None))
        .group_by(_job.type)
    )
    open_jobs = {row[0]: (row[1], row[2], row[3]) for row in connection.execute(handed_out)}
    failures = {row[0]: row[1] for row in connection.execute(failed)}
    return [
        JobCounts(
            type=type_,
            activatable=open_jobs.get(type_, (0, 0, 0))[0],
            leased=open_jobs.get(type_, (0, 0, 0))[1],
            retrying=open_jobs.get(type_, (0, 0, 0))[2],
            failed=failures.get(type_, 0),
        )
        for type_ in sorted({*open_jobs, *failures})
    ]


def _count(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    return sa.func.sum(sa.case((condition, 1), else_=0))
