"""Jobs as a remote server hands them out."""

from __future__ import annotations

from typing import Any

import msgspec

from procession.broker import ActivatedJob, JobStream
from procession.engine.records import JOB_ACTIVATED, Job

ATTEMPT = "procession_attempt"
"""A local variable of a job that has failed: Zeebe keeps no count of the tries."""


class Attempt(msgspec.Struct, frozen=True):
    """What the last failure left behind."""

    failures: int
    retries: int
    """If the job has another number now, somebody gave it new tries: counting starts again."""


_variables = msgspec.json.Decoder(dict[str, msgspec.Raw])
_headers = msgspec.json.Decoder(dict[str, str])
_attempt = msgspec.json.Decoder(Attempt)


def read_variables(text: str) -> dict[str, str]:
    """A JSON object to JSON texts by name."""
    return {name: bytes(raw).decode() for name, raw in _variables.decode(text or "{}").items()}


def fetched(stream: JobStream) -> list[str]:
    """The variables to ask for; none means all."""
    return [] if stream.fetch is None else [*stream.fetch, ATTEMPT]


def write_attempt(failures: int, retries: int) -> dict[str, str]:
    return {ATTEMPT: msgspec.json.encode(Attempt(failures, retries)).decode()}


def activated(job: Any, lease: int) -> ActivatedJob:
    """A job of the protocol as our workers know it."""
    variables = read_variables(job.variables)
    record = Job(
        key=job.key,
        root_key=job.processInstanceKey,
        instance_key=job.processInstanceKey,
        element_key=job.elementInstanceKey,
        definition_key=job.processDefinitionKey,
        tenant=job.tenantId,
        process_id=job.bpmnProcessId,
        element_id=job.elementId,
        type=job.type,
        priority=0,
        created_at=0,
        retries=job.retries,
        state=JOB_ACTIVATED,
        due=job.deadline,
        lease=lease,
        worker=job.worker,
        failures=_failures(variables.pop(ATTEMPT, None), job.retries),
    )
    headers = _headers.decode(job.customHeaders or "{}")
    return ActivatedJob(record, job.processDefinitionVersion, None, headers, variables)


def _failures(text: str | None, retries: int) -> int:
    try:
        attempt = None if text is None else _attempt.decode(text)
    except msgspec.DecodeError:
        return 0  # a variable of somebody else's that happens to be called so
    return attempt.failures if attempt is not None and attempt.retries == retries else 0
