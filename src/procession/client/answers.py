"""What became of a handler's call, as the command that answers its job (see `Procession.task`)."""

from __future__ import annotations

import logging
from typing import Any

from msgspec import structs

from procession.broker import ActivatedJob
from procession.client.job import Failure, Job, NotBegun
from procession.client.tasks import Task
from procession.client.values import encode_variables, milliseconds
from procession.engine import commands as c
from procession.errors import BpmnError, Incident, InvalidInput, ProcessionError, VariablesInvalid

log = logging.getLogger("procession.worker")


def completion(task: Task, job: Job, activated: ActivatedJob, result: Any) -> c.Command | None:
    """Of what a handler returned; None if it has answered the job itself.

    Raises:
        Incident: it is no variables.
    """
    if job.answered:
        return None
    try:
        variables, _ = encode_variables(result)
    except VariablesInvalid as error:
        raise Incident(f"handler of {task.type!r} returned no variables: {error}") from error
    return c.CompleteJob(activated.key, variables, activated.lease)


def failure(task: Task, job: Job, activated: ActivatedJob, error: BaseException) -> c.Command:
    """Of what it raised."""
    key, lease = activated.key, activated.lease
    if isinstance(error, NotBegun):
        return c.ReleaseJob(key, lease)
    if isinstance(error, Failure):
        return _decided(activated, error)
    if isinstance(error, BpmnError):
        try:
            variables, _ = encode_variables(error.variables)
        except ProcessionError as invalid:
            return c.FailJob(key, 0, message=str(invalid), lease=lease)
        return c.ThrowError(key, error.code, error.message, variables, lease)
    if isinstance(error, Incident):
        return c.FailJob(key, 0, message=error.message, lease=lease)
    message = f"{type(error).__name__}: {error}"
    if isinstance(error, task.fatal):
        log.error("job %d of %r failed for good", key, task.type, exc_info=error)
        return c.FailJob(key, 0, message=message, lease=lease)
    left = job.retries - 1
    log.info(
        "job %d of %r failed (%d tries left): %s",
        key,
        task.type,
        left,
        message,
        exc_info=error if log.isEnabledFor(logging.DEBUG) else None,
    )
    backoff = milliseconds(task.backoff_after(activated.record.failures))
    return c.FailJob(key, left, backoff, message, lease=lease)


def unfit(activated: ActivatedJob, error: InvalidInput) -> c.Command:
    """Of an answer that no engine takes: an operator has to look at it."""
    return c.FailJob(activated.key, 0, message=str(error), lease=activated.lease)


def _decided(activated: ActivatedJob, decision: Failure) -> c.Command:
    """What a handler says itself about its failed try."""
    backoff = milliseconds(decision.backoff)
    command = c.FailJob(activated.key, decision.retries, backoff, decision.message, lease=activated.lease)
    try:
        variables, _ = encode_variables(decision.variables)
    except ProcessionError as error:
        log.error("job %d left variables that cannot be kept: %s", activated.key, error)
        return command
    return structs.replace(command, variables=variables)
