"""From the engine's commands to calls of the protocol, by type of command."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from procession.client.remote.jobs import write_attempt
from procession.client.remote.leases import Held
from procession.client.remote.stubs import pb
from procession.client.values import write_variables
from procession.engine import commands as c
from procession.errors import Unsupported


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """How a command is sent, what comes back, and whether it may be sent twice."""

    name: str
    request: Any
    answer: Callable[[Any], Any] = lambda response: None
    repeats: bool
    """It does no harm a second time: after a connection broke in the middle it is sent again."""
    gone_is_done: bool = False
    """If a repetition finds nothing any more, what was wanted has come about."""


C = TypeVar("C", bound=c.Command)
Build = Callable[[C, Held | None], Call]
_builders: dict[type[c.Command], Build[Any]] = {}


def _builds(kind: type[C]) -> Callable[[Build[C]], Build[C]]:
    def register(build: Build[C]) -> Build[C]:
        _builders[kind] = build
        return build

    return register


def call_of(command: c.Command, held: Held | None) -> Call:
    """The call for a command; `held` is the lease it is given under.

    Raises:
        Unsupported: the protocol has none.
    """
    build = _builders.get(type(command))
    if build is None:
        raise Unsupported(f"a remote server cannot be told to {type(command).__name__}")
    return build(command, held)


@_builds(c.StartInstance)
def _start(command: c.StartInstance, _: Held | None) -> Call:
    # Never sent twice: a second one would start a second instance.
    return Call(name="CreateProcessInstance", request=start_request(command), answer=_started, repeats=False)


def start_request(command: c.StartInstance) -> Any:
    """The request of a start.

    Raises:
        Unsupported: it has a business key or an idempotency key.
    """
    if command.business_key is not None:
        raise Unsupported(
            "a remote start takes no business_key: Zeebe's protocol has no field for it; "
            "give the instance a variable with it"
        )
    if command.idempotency_key is not None:
        raise Unsupported(
            "a remote start takes no idempotency_key: Zeebe's protocol has no field for it; start "
            "the process with a message (a message start event, and `publish` with message_id and ttl)"
        )
    return pb.CreateProcessInstanceRequest(
        processDefinitionKey=command.definition_key or 0,
        bpmnProcessId=command.process_id or "",
        version=command.version,
        variables=write_variables(command.variables),
        startInstructions=[
            pb.ProcessInstanceCreationStartInstruction(elementId=element) for element in command.start_at
        ],
    )


def _started(response: Any) -> c.Started:
    return c.Started(
        response.processInstanceKey, response.processDefinitionKey, response.bpmnProcessId, response.version
    )


@_builds(c.PublishMessage)
def _publish(command: c.PublishMessage, _: Held | None) -> Call:
    if command.must_reach:
        raise Unsupported(
            "a remote server's gRPC cannot say whether anybody waits for a message: use `publish` with a ttl"
        )
    request = pb.PublishMessageRequest(
        name=command.name,
        correlationKey=command.correlation_key,
        timeToLive=command.ttl,
        messageId=command.message_id or "",
        variables=write_variables(command.variables),
    )
    # The id protects against a second one only while the first lives.
    repeats = bool(command.message_id) and command.ttl > 0
    return Call(name="PublishMessage", request=request, answer=lambda r: r.key, repeats=repeats)


@_builds(c.BroadcastSignal)
def _broadcast(command: c.BroadcastSignal, _: Held | None) -> Call:
    request = pb.BroadcastSignalRequest(signalName=command.name, variables=write_variables(command.variables))
    # Never sent twice: whoever waits again by then would hear the second one too.
    return Call(name="BroadcastSignal", request=request, answer=lambda r: r.key, repeats=False)


@_builds(c.DeleteResource)
def _delete(command: c.DeleteResource, _: Held | None) -> Call:
    request = pb.DeleteResourceRequest(resourceKey=command.key)
    return Call(name="DeleteResource", request=request, repeats=True, gone_is_done=True)


@_builds(c.CancelInstance)
def _cancel(command: c.CancelInstance, _: Held | None) -> Call:
    request = pb.CancelProcessInstanceRequest(processInstanceKey=command.key)
    return Call(name="CancelProcessInstance", request=request, repeats=True, gone_is_done=True)


@_builds(c.MigrateInstance)
def _migrate(command: c.MigrateInstance, _: Held | None) -> Call:
    if command.definition_key is None:
        raise Unsupported(
            "a remote server is told where to migrate by the key of the definition, not by its version: "
            "give definition_key (--definition KEY); deployments answer it"
        )
    if command.equal_ids:
        raise Unsupported(
            "a remote server migrates elements by a mapping that names each of them: give a mapping of all "
            "active elements, and equal_ids=False (--only-mapped)"
        )
    if command.retype_jobs:
        raise Unsupported(
            "a remote server keeps the types of jobs; retype_jobs (--retype-jobs) needs the database"
        )
    plan = pb.MigrateProcessInstanceRequest.MigrationPlan(
        targetProcessDefinitionKey=command.definition_key,
        mappingInstructions=[
            pb.MigrateProcessInstanceRequest.MappingInstruction(sourceElementId=old, targetElementId=new)
            for old, new in command.mapping.items()
        ],
    )
    request = pb.MigrateProcessInstanceRequest(processInstanceKey=command.key, migrationPlan=plan)
    # Not twice: after the first the elements have their new ids.
    return Call(name="MigrateProcessInstance", request=request, repeats=False)


@_builds(c.SetVariables)
def _set_variables(command: c.SetVariables, _: Held | None) -> Call:
    request = pb.SetVariablesRequest(
        elementInstanceKey=command.key, variables=write_variables(command.variables), local=command.local
    )
    return Call(name="SetVariables", request=request, repeats=True)


@_builds(c.ResolveIncident)
def _resolve(command: c.ResolveIncident, _: Held | None) -> Call:
    if command.retries is not None:
        raise Unsupported(
            "a remote server does not tell which job an incident is about, so it cannot be given retries "
            "with it: call `update_retries(job_key, ...)` first, then `resolve_incident(key)`"
        )
    request = pb.ResolveIncidentRequest(incidentKey=command.key)
    # Not twice: "there is none" could mean that the first one mended it, or that it has no retries.
    return Call(name="ResolveIncident", request=request, repeats=False)


@_builds(c.CompleteJob)
def _complete(command: c.CompleteJob, _: Held | None) -> Call:
    request = pb.CompleteJobRequest(jobKey=command.key, variables=write_variables(command.variables))
    return Call(name="CompleteJob", request=request, repeats=True)


@_builds(c.FailJob)
def _fail(command: c.FailJob, held: Held | None) -> Call:
    retries = max(command.retries, 0)
    attempt = {} if held is None else write_attempt(held.failures + 1, retries)
    request = pb.FailJobRequest(
        jobKey=command.key,
        retries=retries,
        errorMessage=command.message,
        retryBackOff=command.backoff,
        variables=write_variables(command.variables | attempt),
    )
    # The number of retries is set, not lowered. Without a lease somebody else may have the job by then.
    return Call(name="FailJob", request=request, repeats=held is not None)


@_builds(c.ReleaseJob)
def _release(command: c.ReleaseJob, held: Held | None) -> Call:
    request = pb.FailJobRequest(
        jobKey=command.key,
        retries=1 if held is None else held.retries,
        errorMessage="the worker gave it back unused",
    )
    return Call(name="FailJob", request=request, repeats=False)


@_builds(c.ThrowError)
def _throw(command: c.ThrowError, _: Held | None) -> Call:
    request = pb.ThrowErrorRequest(
        jobKey=command.key,
        errorCode=command.code,
        errorMessage=command.message,
        variables=write_variables(command.variables),
    )
    return Call(name="ThrowError", request=request, repeats=True)


@_builds(c.UpdateJob)
def _update(command: c.UpdateJob, _: Held | None) -> Call:
    if command.retries is not None:
        request = pb.UpdateJobRetriesRequest(jobKey=command.key, retries=command.retries)
        return Call(name="UpdateJobRetries", request=request, repeats=True)
    renewal = pb.UpdateJobTimeoutRequest(jobKey=command.key, timeout=command.timeout or 0)
    return Call(name="UpdateJobTimeout", request=renewal, repeats=False)  # the next one is due soon
