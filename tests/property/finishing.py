"""Doing everything that is asked for, until every instance has ended."""

from __future__ import annotations

from collections.abc import Iterator

from procession.engine import commands as c
from procession.engine.records import IncidentType, JobState

from .rows import Rows
from .world import World

MAX_ROUNDS = 400


def finish(world: World) -> None:
    """Complete jobs, publish awaited messages, mend incidents, let timers fire.

    Raises:
        AssertionError: that does not end every instance.
    """
    for _ in range(MAX_ROUNDS):
        world.settle()
        rows = world.rows()
        if all(instance.ended_at is not None for instance in rows.instances):
            assert not rows.commands
            return
        commands = list(_asked_for(rows))
        assert commands or rows.timers, f"nothing can be done, but not all has ended: {rows.unfinished()}"
        world.do(commands)
        world.executor.advance(60_000)
    raise AssertionError(f"after {MAX_ROUNDS} rounds it still runs: {world.rows().unfinished()}")


def _asked_for(rows: Rows) -> Iterator[c.Command]:
    for incident in rows.incidents:
        if incident.ended_at is None and incident.element_key is not None:
            yield c.SetVariables(incident.element_key, {"go": "1", "tries": "2"})
            lacks_retries = incident.type == IncidentType.JOB_NO_RETRIES.value
            yield c.ResolveIncident(incident.key, 1 if lacks_retries else None)
    for job in rows.jobs:
        if job.state == JobState.ACTIVATABLE.value:
            yield c.CompleteJob(job.key)
    for one in rows.subscriptions:
        yield c.PublishMessage(one.name, one.correlation_key)
    for name in sorted({one.name for one in rows.signals}):
        yield c.BroadcastSignal(name)
