"""Who waits in a strict channel, by place."""

from __future__ import annotations

import msgspec
import sqlalchemy as sa

from procession.engine import commands as c
from procession.storage.schema import tables
from procession.storage.searches.reading import reading

_job = tables["job"].c
_command = tables["command"].c
_STARTS = c.encode(c.StartInstance())[:23]
"""How the text of a start begins, and no other command's."""


class Turn(msgspec.Struct, frozen=True, array_like=True):
    """A process of a strict channel, and the job it waits with."""

    instance_key: int
    job_key: int


def waiting_turns(engine: sa.Engine, type_: str, channel: str, limit: int) -> list[Turn]:
    """The first instances that wait with a job of a type, by their keys.

    Those behind a start that is committed as a command row and not carried out yet are left out: it would
    come too late otherwise.
    """
    query = (
        sa.select(_job.instance_key, _job.key)
        .where(_job.type == type_, _job.due.is_not(None))
        .order_by(_job.instance_key)
        .limit(limit)
    )
    with reading(engine) as connection:
        turns = [Turn(*row) for row in connection.execute(query)]
        coming = _coming(connection, channel) if turns else None
        return [turn for turn in turns if coming is None or turn.instance_key < coming]


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
