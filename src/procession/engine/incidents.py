"""Incidents: a token that cannot go on waits for an operator instead of being lost."""

from __future__ import annotations

from procession.engine.records import ElementInstance, IncidentRecord
from procession.engine.run import Run

MESSAGE_LIMIT = 10_000
"""Longer messages are cut (spec/engine.md section 3)."""


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
            message[:MESSAGE_LIMIT],
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
