"""Completing, failing, leasing, giving back and updating jobs, and throwing errors from them."""

from __future__ import annotations

from typing import Any, TypeVar

from procession.engine import commands as c
from procession.engine import incidents, lifecycle, variables
from procession.engine.handling import Handler, Target, handles, want_element
from procession.engine.reads import Reads
from procession.engine.records import (
    ACTIVATED,
    JOB_ACTIVATABLE,
    JOB_ACTIVATED,
    JOB_COMPLETED,
    JOB_ERROR_THROWN,
    JOB_FAILED,
    ElementInstance,
    IncidentType,
    Job,
)
from procession.engine.run import Run, Scope
from procession.engine.throwing import throw_error
from procession.errors import InvalidInput, NotFound, WrongState

J = TypeVar("J", c.CompleteJob, c.FailJob, c.ThrowError)
OPEN = (JOB_ACTIVATABLE, JOB_ACTIVATED)


class Answer(Handler[J]):
    """What the three answers of a worker have in common."""

    def target(self, command: J) -> Target:
        return ("job", command.key)

    def reads(self, command: J, want: Reads) -> bool:
        job = want.get(want.unit.jobs, command.key)
        if job is None or job.ended_at is not None:
            return False
        return want_element(want, job.element_key, command.variables) is not None

    def claim(self, command: J, run: Run) -> tuple[Job, ElementInstance]:
        """The job and its element, if this answer may be given; the command works in its root.

        Raises:
            NotFound: the job is gone, with its element or instance.
            WrongState: it has an incident or backs off, or the lease is not the current one.
        """
        job = open_job(command.key, run)
        if job.state not in OPEN:
            state = "has failed for good" if job.state == JOB_FAILED else "has thrown an error"
            raise WrongState(
                f"job {job.key} {state}; resolve its incident before it is answered again", key=job.key
            )
        if job.state == JOB_ACTIVATABLE and job.due is not None and job.due > run.now:
            raise WrongState(f"job {job.key} has failed and waits for its next try", key=job.key)
        if command.lease is not None and command.lease != job.lease:
            raise WrongState(
                f"job {job.key} is leased again (lease {job.lease}, not {command.lease}): too late",
                key=job.key,
            )
        element = run.element(job.element_key)
        instance = run.instance(element.instance_key)
        run.work_in(instance)
        scope: Scope = element
        while scope.state == ACTIVATED and scope is not instance:
            scope = run.scope_of(scope)  # type: ignore[arg-type]
        if scope.state != ACTIVATED:
            raise NotFound(f"job {job.key} is being cancelled with what it belongs to", key=job.key)
        return job, element


def open_job(key: int, run: Run) -> Job:
    job = run.unit.jobs.get(key)
    if job is None or job.ended_at is not None:
        raise NotFound(f"there is no open job with key {key}", key=key)
    return job


def end_job(job: Job, state: int, run: Run) -> None:
    job.state = state
    job.due = None
    job.ended_at = run.now


class Complete(Answer[c.CompleteJob]):
    def execute(self, command: c.CompleteJob, run: Run) -> None:
        try:
            job, element = self.claim(command, run)
        except NotFound:
            before = run.unit.jobs.get(command.key)
            if before is not None and before.state == JOB_COMPLETED and before.lease == command.lease:
                return  # the answer to this very completion was lost
            raise
        node = run.node(element)
        end_job(job, JOB_COMPLETED, run)
        element.job_key = None
        variables.receive(run, element, node, command.variables)
        lifecycle.leave(run, element, node)


class Fail(Answer[c.FailJob]):
    def execute(self, command: c.FailJob, run: Run) -> None:
        job, element = self.claim(command, run)
        job.retries = max(command.retries, 0)
        job.failures += 1
        job.error_message = incidents.cut(command.message)
        for name, raw in command.variables.items():
            variables.set_local(run, element.key, element.root_key, name, raw)
        if job.retries > 0:
            job.state = JOB_ACTIVATABLE
            job.due = run.now + max(command.backoff, 0)
            return
        job.state = JOB_FAILED
        job.due = None
        message = command.message or f"the worker of {job.type!r} failed and no retries are left"
        incidents.hold(run, element, IncidentType.JOB_NO_RETRIES.value, message, job_key=job.key)


class Throw(Answer[c.ThrowError]):
    def execute(self, command: c.ThrowError, run: Run) -> None:
        job, element = self.claim(command, run)
        job.error_code = command.code
        job.error_message = incidents.cut(command.message)
        job.due = None
        if throw_error(run, element, command.code, command.variables):
            end_job(job, JOB_ERROR_THROWN, run)
            element.job_key = None
            return
        job.state = JOB_ERROR_THROWN
        message = f"nobody catches error {command.code!r} thrown by job {job.type!r}"
        if command.message:
            message = f"{message}: {command.message}"
        incidents.hold(run, element, IncidentType.UNHANDLED_ERROR_EVENT.value, message, job_key=job.key)


class Lease(Handler[c.LeaseJob]):
    def target(self, command: c.LeaseJob) -> Target:
        return ("job", command.key)

    def reads(self, command: c.LeaseJob, want: Reads) -> None:
        want.get(want.unit.jobs, command.key)

    def execute(self, command: c.LeaseJob, run: Run) -> int:
        job = open_job(command.key, run)
        if job.state not in OPEN:
            raise WrongState(f"job {job.key} is held by an incident; resolve that first", key=job.key)
        if job.state == JOB_ACTIVATED and job.due is not None and job.due > run.now:
            raise WrongState(f"job {job.key} is leased to worker {job.worker}", key=job.key)
        job.state = JOB_ACTIVATED
        job.lease += 1
        job.worker = command.worker
        job.due = run.now + command.timeout
        return job.lease


class Release(Handler[c.ReleaseJob]):
    def target(self, command: c.ReleaseJob) -> Target:
        return ("job", command.key)

    def reads(self, command: c.ReleaseJob, want: Reads) -> None:
        want.get(want.unit.jobs, command.key)

    def execute(self, command: c.ReleaseJob, run: Run) -> None:
        job = run.unit.jobs.get(command.key)
        if job is not None and job.state == JOB_ACTIVATED and job.lease == command.lease:
            job.state = JOB_ACTIVATABLE
            job.due = run.now


class Update(Handler[c.UpdateJob]):
    def target(self, command: c.UpdateJob) -> Target:
        return ("job", command.key)

    def reads(self, command: c.UpdateJob, want: Reads) -> None:
        want.get(want.unit.jobs, command.key)

    def execute(self, command: c.UpdateJob, run: Run) -> None:
        job = open_job(command.key, run)
        if command.retries is not None:
            if command.retries < 1:
                raise InvalidInput(f"retries must be at least 1, not {command.retries}", key=job.key)
            job.retries = command.retries
            job.failures = 0
        if command.timeout is not None:
            _extend(job, command, command.timeout, run)


def _extend(job: Job, command: c.UpdateJob, timeout: int, run: Run) -> None:
    if timeout <= 0:
        raise InvalidInput(f"the lease must be longer than 0 ms, not {timeout}", key=job.key)
    if job.state != JOB_ACTIVATED:
        raise WrongState(f"job {job.key} is not leased", key=job.key)
    if command.lease is not None and command.lease != job.lease:
        raise WrongState(
            f"job {job.key} is leased again (lease {job.lease}, not {command.lease})", key=job.key
        )
    if command.lease is None and job.due is not None and job.due <= run.now:
        # It is as good as handed out. Under its number the holder may renew it until it really is.
        raise WrongState(f"the lease of job {job.key} has ended; it can be handed out again", key=job.key)
    job.due = run.now + timeout


def reopen(job: Job, run: Run) -> None:
    """Hand a job with an incident out again."""
    job.state = JOB_ACTIVATABLE
    job.due = run.now


_answers: tuple[tuple[type[Any], Handler[Any]], ...] = (
    (c.CompleteJob, Complete()),
    (c.FailJob, Fail()),
    (c.ThrowError, Throw()),
    (c.LeaseJob, Lease()),
    (c.ReleaseJob, Release()),
    (c.UpdateJob, Update()),
)
for _command, _handler in _answers:
    handles(_command, _handler)
