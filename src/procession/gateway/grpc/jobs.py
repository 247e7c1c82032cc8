"""What workers answer to jobs, and what is changed about jobs and their incidents."""

from __future__ import annotations

from typing import Any

from procession.client.remote.stubs import pb
from procession.engine import commands as c
from procession.gateway.grpc.calls import unary
from procession.gateway.grpc.core import Core
from procession.gateway.grpc.inputs import bounded
from procession.gateway.grpc.variables import read_variables


@unary("CompleteJob", "COMPLETE", lambda r: f"complete job {r.jobKey}")
async def complete(core: Core, request: Any) -> pb.CompleteJobResponse:
    variables, size = read_variables(request.variables)
    await core.submit(c.CompleteJob(request.jobKey, variables), size)
    return pb.CompleteJobResponse()


@unary("FailJob", "FAIL", lambda r: f"fail job {r.jobKey}")
async def fail(core: Core, request: Any) -> pb.FailJobResponse:
    variables, size = read_variables(request.variables)
    backoff = bounded(request.retryBackOff)
    command = c.FailJob(request.jobKey, request.retries, backoff, request.errorMessage, variables)
    await core.submit(command, size)
    return pb.FailJobResponse()


@unary("ThrowError", "THROW_ERROR", lambda r: f"throw error {r.errorCode!r} from job {r.jobKey}")
async def throw_error(core: Core, request: Any) -> pb.ThrowErrorResponse:
    variables, size = read_variables(request.variables)
    command = c.ThrowError(request.jobKey, request.errorCode, request.errorMessage, variables)
    await core.submit(command, size)
    return pb.ThrowErrorResponse()


@unary("UpdateJobRetries", "UPDATE_RETRIES", lambda r: f"give job {r.jobKey} {r.retries} retries")
async def update_retries(core: Core, request: Any) -> pb.UpdateJobRetriesResponse:
    await core.begin(c.UpdateJob(request.jobKey, retries=request.retries))
    return pb.UpdateJobRetriesResponse()


@unary(
    "UpdateJobTimeout", "UPDATE_TIMEOUT", lambda r: f"let the lease of job {r.jobKey} end in {r.timeout} ms"
)
async def update_timeout(core: Core, request: Any) -> pb.UpdateJobTimeoutResponse:
    await core.begin(c.UpdateJob(request.jobKey, timeout=bounded(request.timeout)))
    return pb.UpdateJobTimeoutResponse()


@unary("ResolveIncident", "RESOLVE", lambda r: f"resolve incident {r.incidentKey}")
async def resolve(core: Core, request: Any) -> pb.ResolveIncidentResponse:
    await core.begin(c.ResolveIncident(request.incidentKey))
    return pb.ResolveIncidentResponse()
