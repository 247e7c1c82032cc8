"""The sequential model of one job's leases.

Times are epoch milliseconds. When an extension began to count is not told, but it was not before it
was called: what follows from that is the earliest end of a lease, and before it nobody else may have
the job. A lease that has ended is still the last one until the job is leased again, and its answer is
still taken: only a later lease makes an answer stale.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from .checker import Operation

OK = "ok"
REFUSED = "refused"


class Status(StrEnum):
    FREE = "free"
    LEASED = "leased"
    COMPLETED = "completed"
    FAILED = "failed"


class Job(NamedTuple):
    status: Status = Status.FREE
    lease: int = 0
    due: int = 0
    """Before this nobody may lease it."""
    may_back_off: bool = False
    """It failed, and its answers are refused as long as it backs off; nobody sees when that ends."""


class Call(NamedTuple):
    """The input of every operation."""

    lease: int = 0
    """The one it is given under."""
    at: int = 0
    """When it was called."""
    timeout: int = 0
    """Of an activation or extension; of a failure, the backoff."""
    retries: int = 0


class Activated(NamedTuple):
    """The output of `activate`."""

    lease: int
    deadline: int


def step(job: Job, operation: Operation) -> Job | None:
    """What the operation makes of the job; None if it may not end like this."""
    after: Job | None = _STEPS[operation.kind](job, operation)
    return after


def _is_open(job: Job) -> bool:
    return job.status in (Status.FREE, Status.LEASED)


def _activate(job: Job, operation: Operation) -> Job | None:
    call, told = operation.input, operation.output
    if not _is_open(job):
        return None
    if told is None:  # it was leased to somebody who never heard of it
        return Job(Status.LEASED, job.lease + 1, max(job.due, call.at) + call.timeout)
    if told.lease != job.lease + 1 or told.deadline - call.timeout < job.due:
        return None
    return Job(Status.LEASED, told.lease, told.deadline)


def _answered(job: Job, operation: Operation, after: Job | None) -> Job | None:
    """`after` is what becomes of the job if the answer is taken; None if it must be refused."""
    if job.may_back_off and operation.known and operation.output != OK:
        return job
    if operation.known and (operation.output == OK) != (after is not None):
        return None
    return after or job


def _complete(job: Job, operation: Operation) -> Job | None:
    lease = operation.input.lease
    taken = lease == job.lease and (_is_open(job) or job.status is Status.COMPLETED)
    return _answered(
        job, operation, job._replace(status=Status.COMPLETED, due=0, may_back_off=False) if taken else None
    )


def _fail(job: Job, operation: Operation) -> Job | None:
    call = operation.input
    if call.lease != job.lease or not _is_open(job):
        return _answered(job, operation, None)
    status = Status.FREE if call.retries else Status.FAILED
    due = call.at + call.timeout if call.retries else 0
    backs_off = bool(call.retries and call.timeout)
    return _answered(job, operation, job._replace(status=status, due=due, may_back_off=backs_off))


def _extend(job: Job, operation: Operation) -> Job | None:
    call = operation.input
    taken = call.lease == job.lease and job.status is Status.LEASED
    return _answered(job, operation, job._replace(due=call.at + call.timeout) if taken else None)


def _release(job: Job, operation: Operation) -> Job | None:
    call = operation.input
    if call.lease == job.lease and job.status is Status.LEASED:
        return job._replace(status=Status.FREE, due=call.at)
    return job  # it is not told whether that was of any use


def _look(job: Job, operation: Operation) -> Job | None:
    return job if operation.output == (job.status, job.lease) else None


_STEPS = {
    "activate": _activate,
    "complete": _complete,
    "fail": _fail,
    "extend": _extend,
    "release": _release,
    "look": _look,
}
