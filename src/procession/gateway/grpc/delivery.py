"""Jobs as they travel to workers, and giving back those that did not reach one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from procession.broker import ActivatedJob
from procession.client.remote.stubs import pb
from procession.client.values import write_variables
from procession.engine import commands as c
from procession.errors import InvalidInput, NotReady, ProcessionError
from procession.gateway.grpc.core import Core, log
from procession.gateway.grpc.inputs import LONGEST_MILLISECONDS, check_tenants, check_text
from procession.gateway.grpc.variables import write_headers

MESSAGE_BYTES = 4 * 1024 * 1024
"""What clients accept in one message, unless they are told otherwise."""
_ROOM = 64
"""Bytes that a message needs around a job."""


def check_request(request: Any) -> None:
    """What both ways of getting jobs have in common.

    Raises:
        InvalidInput: the type is blank, the lease is not longer than 0, or the tenant unknown.
    """
    check_tenants(request.tenantIds)
    if not request.type.strip():
        raise InvalidInput("the job type is blank")
    if request.timeout < 1:
        raise InvalidInput(f"the lease must be longer than 0 ms, not {request.timeout}")
    check_text("the job type", request.type)
    check_text("the worker", request.worker)


def lease_of(request: Any) -> int:
    asked: int = request.timeout
    return min(asked, LONGEST_MILLISECONDS)


def fetch_of(request: Any) -> tuple[str, ...] | None:
    """The variables that are wanted; None means all."""
    names = tuple(check_text("the variable", name) for name in request.fetchVariable)
    return names or None


def write_job(job: ActivatedJob) -> pb.ActivatedJob:
    record = job.record
    return pb.ActivatedJob(
        key=record.key,
        type=record.type,
        processInstanceKey=record.instance_key,
        bpmnProcessId=record.process_id,
        processDefinitionVersion=job.version,
        processDefinitionKey=record.definition_key,
        elementId=record.element_id,
        elementInstanceKey=record.element_key,
        customHeaders=write_headers(job.headers),
        worker=record.worker or "",
        retries=record.retries,
        deadline=job.deadline,
        variables=write_variables(job.variables),
        tenantId=record.tenant,
    )


def packed(core: Core, jobs: Iterable[ActivatedJob]) -> Iterator[tuple[list[ActivatedJob], Any]]:
    """The jobs in messages that clients accept, each with the jobs in it."""
    inside: list[ActivatedJob] = []
    message = pb.ActivateJobsResponse()
    size = 0
    for job in jobs:
        written = write_job(job)
        length = written.ByteSize() + _ROOM
        if length > MESSAGE_BYTES:
            too_large(core, job, length)
            continue
        if size + length > MESSAGE_BYTES:
            yield inside, message
            inside, message, size = [], pb.ActivateJobsResponse(), 0
        inside.append(job)
        message.jobs.append(written)
        size += length
    if inside:
        yield inside, message


def too_large(core: Core, job: ActivatedJob, length: int) -> None:
    """No worker could get it with these variables: an operator has to know."""
    message = (
        f"the job is {length:,} bytes with its variables, more than the {MESSAGE_BYTES:,} that one message "
        "carries; fetch fewer variables, map them, or keep large data elsewhere"
    )
    core.node.tell(c.FailJob(job.key, 0, message=message, lease=job.lease), core.inbox)


def give_back(core: Core, jobs: Iterable[ActivatedJob]) -> None:
    """Jobs that did not reach their worker can be handed out again at once."""
    try:
        for job in jobs:
            core.node.tell(c.ReleaseJob(job.key, job.lease), core.inbox, _not_given_back, about=job)
    except NotReady:
        log.warning("the node has stopped: jobs that were not delivered wait until their leases end")


def _not_given_back(job: ActivatedJob, command: c.Command, error: ProcessionError) -> None:
    log.warning("job %d could not be given back and waits until its lease ends: %s", job.key, error)
