"""Who waits in a strict channel, by place, and whether anything is left to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import sqlalchemy as sa

from procession.engine import commands as c
from procession.engine.records import DEFAULT_TENANT, JOB_ACTIVATED
from procession.storage.schema import tables
from procession.storage.searches.reading import now, reading

_job = tables["job"].c
_command = tables["command"].c
_instance = tables["process_instance"].c
_element = tables["element_instance"].c
_variable = tables["variable"].c
LINE = "line"
"""The variable in which the turns that come next are written down."""
_STARTS = c.encode(c.StartInstance())[:23]
"""How the text of a start begins, and no other command's."""


class Turn(msgspec.Struct, frozen=True, array_like=True):
    """A process of a strict channel, and the job it waits with."""

    instance_key: int
    job_key: int
    lease: int = 0
    """Of that job: another number means that it is something else by now."""


def waiting_turns(engine: sa.Engine, type_: str, channel: str, limit: int) -> list[Turn]:
    """The first instances that wait with a job of a type, by their keys.

    Those behind a start that is committed as a command row and not carried out yet are left out: it would
    come too late otherwise.
    """
    query = (
        sa.select(_job.instance_key, _job.key, _job.lease)
        .where(_job.type == type_, _job.due.is_not(None))
        .order_by(_job.instance_key)
        .limit(limit)
    )
    with reading(engine) as connection:
        turns = [Turn(*row) for row in connection.execute(query)]
        coming = _coming(connection, channel) if turns else None
        return [turn for turn in turns if coming is None or turn.instance_key < coming]


def lease_of(engine: sa.Engine, job_key: int, type_: str) -> int | None:
    """The number of an open job's lease; None if there is no such job of this type (any more)."""
    query = sa.select(_job.lease).where(_job.key == job_key, _job.type == type_, _job.ended_at.is_(None))
    with reading(engine) as connection:
        found: int | None = connection.execute(query).scalar()
        return found


def _coming(connection: sa.Connection, channel: str) -> int | None:
    """The lowest key of an instance of the channel whose start is a row still."""
    starts = sa.select(_command.payload).where(
        sa.func.substr(_command.payload, 1, len(_STARTS)) == sa.literal(_STARTS, sa.LargeBinary)
    )
    name = msgspec.json.encode(channel).decode()
    commands = [c.decode(payload) for payload in connection.execute(starts).scalars()]
    keys = [
        command.key
        for command in commands
        if isinstance(command, c.StartInstance)
        and command.key is not None
        and command.variables.get("channel") == name
        and not command.start_at
    ]
    return min(keys, default=None)


def work_is_left(
    engine: sa.Engine, types: Sequence[str], worker: str, process_id: str, lines: Mapping[str, str]
) -> bool:
    """Whether, in one moment, a job of the types is due or with this worker, or somebody's turn is coming.

    Args:
        process_id: of the instances that give turns.
        lines: by their business keys, the types of jobs with which processes wait there.
    """
    with reading(engine) as connection:
        with_it = sa.and_(_job.state == JOB_ACTIVATED, _job.worker == worker)
        jobs = sa.select(_job.key).where(_job.type.in_(types), sa.or_(_job.due <= now(connection), with_it))
        if connection.execute(jobs.limit(1)).first() is not None:
            return True
        return any(_is_coming(connection, process_id, key, type_) for key, type_ in lines.items())


def _is_coming(connection: sa.Connection, process_id: str, business_key: str, type_: str) -> bool:
    """Whether somebody waits with a job of the type, and nobody is past his turn."""
    waiting = sa.select(_job.key).where(_job.type == type_, _job.due.is_not(None)).limit(1)
    if connection.execute(waiting).first() is None:
        return False
    line = _line(connection, process_id, business_key)
    running = sa.select(_instance.key).where(
        _instance.key.in_([turn.instance_key for turn in line]), _instance.ended_at.is_(None)
    )
    left = set(connection.execute(running).scalars())
    first = next((turn for turn in line if turn.instance_key in left), None)
    if first is None:
        return True
    waits = sa.select(_job.key).where(_job.key == first.job_key, _job.ended_at.is_(None))
    return connection.execute(waits).first() is not None


def _line(connection: sa.Connection, process_id: str, business_key: str) -> list[Turn]:
    """What was last written down by who gives the turns."""
    written = (
        sa.select(_variable.value)
        .join_from(
            tables["process_instance"], tables["element_instance"], _element.instance_key == _instance.key
        )
        .join(tables["variable"], sa.and_(_variable.scope_key == _element.key, _variable.name == LINE))
        .where(_instance.tenant == DEFAULT_TENANT, _instance.process_id == process_id)
        .where(_instance.business_key == business_key, _element.ended_at.is_(None))
    )
    text = connection.execute(written).scalar()
    return [] if text is None else msgspec.json.decode(text, type=list[Turn])
