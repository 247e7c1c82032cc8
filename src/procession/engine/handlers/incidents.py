"""Resolving incidents: exactly the step that failed runs again."""

from __future__ import annotations

from procession.engine import commands as c
from procession.engine.handlers.jobs import reopen
from procession.engine.handling import Handler, Target, handles, want_element
from procession.engine.reads import Reads
from procession.engine.records import (
    ACTIVATING,
    DEFAULT_TENANT,
    ElementInstance,
    IncidentRecord,
    IncidentType,
)
from procession.engine.run import Run
from procession.errors import InvalidInput, NotFound


class Resolve(Handler[c.ResolveIncident]):
    def target(self, command: c.ResolveIncident) -> Target:
        return ("incident", command.key)

    def reads(self, command: c.ResolveIncident, want: Reads) -> None:
        incident = want.get(want.unit.incidents, command.key)
        if incident is None or incident.ended_at is not None:
            return
        want.get(want.unit.instances, incident.instance_key)
        if incident.job_key is not None:
            want.get(want.unit.jobs, incident.job_key)
        if incident.element_key is not None:
            found = want_element(want, incident.element_key)
            if found is not None and found[0].state == ACTIVATING:
                for name in found[1].entry_reads:
                    want.get(want.unit.variables, (found[0].key, name))
                    want.get(want.unit.variables, (found[0].scope_key, name))

    def execute(self, command: c.ResolveIncident, run: Run) -> None:
        incident = run.unit.incidents.get(command.key)
        if incident is None or incident.ended_at is not None:
            raise NotFound(f"there is no open incident with key {command.key}", key=command.key)
        if incident.command is not None:
            incident.ended_at = run.now
            run.emit(c.decode(incident.command), root_key=incident.root_key or None, tenant=DEFAULT_TENANT)
            return
        instance = run.instance(incident.instance_key)
        run.work_in(instance)
        if incident.element_key is None:
            raise LookupError(f"incident {incident.key} names no element")
        element = run.element(incident.element_key)
        if incident.job_key is not None:
            _retry_job(command, incident, incident.job_key, run)
        incident.ended_at = run.now
        element.incident_key = None
        if incident.job_key is None:
            _retry_step(element, run)


def _retry_job(command: c.ResolveIncident, incident: IncidentRecord, job_key: int, run: Run) -> None:
    job = run.unit.jobs.get(job_key)
    if job is None:
        raise LookupError(f"job {job_key} of incident {incident.key} has no record")
    if command.retries is not None:
        if command.retries < 1:
            raise InvalidInput(f"retries must be at least 1, not {command.retries}", key=command.key)
        job.retries = command.retries
        job.failures = 0
    if incident.type == IncidentType.JOB_NO_RETRIES.value and job.retries < 1:
        raise NotFound(
            f"job {job.key} of incident {incident.key} still has no retries; give it some when resolving",
            key=incident.key,
        )
    reopen(job, run)


def _retry_step(element: ElementInstance, run: Run) -> None:
    run.push(c.Enter(element.key) if element.state == ACTIVATING else c.Leave(element.key))


handles(c.ResolveIncident, Resolve())
