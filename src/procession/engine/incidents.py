"""Incidents: a token that cannot go on waits for an operator instead of being lost."""

from __future__ import annotations

from procession.engine.records import ElementInstance, IncidentRecord
from procession.engine.run import Run
from procession.model.text import storable

MESSAGE_LIMIT = 10_000
"""Longer messages are cut (spec/engine.md section 3)."""


def cut(message: str) -> str:
    """A message as it is kept: not too long, and without what cannot be stored."""
    return storable(message[:MESSAGE_LIMIT])


def hold(run: Run, element: ElementInstance, type_: int, message: str, *, job_key: int | None = None) -> None:
    """Make an incident on an element; there is at most one at a time."""
    drop(run, element)
    key = run.new_key()
    element.incident_key = key
    run.unit.incidents.add(
        IncidentRecord(
            key,
            element.root_key,
            element.instance_key,
            element.key,
            job_key,
            element.element_id,
            type_,
            cut(message),
            run.now,
        )
    )


def drop(run: Run, element: ElementInstance) -> None:
    """Close the element's incident, if it has one."""
    if element.incident_key is None:
        return
    incident = run.unit.incidents.get(element.incident_key)
    if incident is not None and incident.ended_at is None:
        incident.ended_at = run.now
    element.incident_key = None
