"""Starting process instances, waiting for their results, cancelling them, setting their variables."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from procession.client.remote.stubs import pb
from procession.client.values import write_variables
from procession.engine import commands as c
from procession.engine.records import DEFAULT_TENANT
from procession.errors import DeadlineExceeded, InvalidInput, NotFound, NotReady
from procession.gateway.grpc.calls import unary
from procession.gateway.grpc.core import STOPPING, Core
from procession.gateway.grpc.inputs import check_tenant
from procession.gateway.grpc.variables import read_variables

RESULT_SECONDS = 15.0
"""How long a result is waited for when the request does not say."""


def _which(request: Any) -> str:
    if request.bpmnProcessId:
        version = "the latest version" if request.version < 0 else f"version {request.version}"
        return f"create an instance of {version} of process {request.bpmnProcessId!r}"
    return f"create an instance of the process with definition key {request.processDefinitionKey}"


def _read(request: Any) -> tuple[c.StartInstance, int]:
    """The command, and the size of its variables."""
    check_tenant(request.tenantId)
    variables, size = read_variables(request.variables)
    start_at = tuple(instruction.elementId for instruction in request.startInstructions)
    if request.bpmnProcessId:
        command = c.StartInstance(
            request.bpmnProcessId, request.version, variables=variables, start_at=start_at
        )
    elif request.processDefinitionKey > 0:
        command = c.StartInstance(
            definition_key=request.processDefinitionKey, variables=variables, start_at=start_at
        )
    else:
        raise NotFound("neither a process id nor a definition key is given")
    return command, size


@unary("CreateProcessInstance", "CREATE", _which)
async def create(core: Core, request: Any) -> pb.CreateProcessInstanceResponse:
    started: c.Started = await core.begin(*_read(request))
    return pb.CreateProcessInstanceResponse(
        processDefinitionKey=started.definition_key,
        bpmnProcessId=started.process_id,
        version=started.version,
        processInstanceKey=started.key,
        tenantId=DEFAULT_TENANT,
    )


@unary(
    "CreateProcessInstanceWithResult",
    "CREATE_WITH_AWAITING_RESULT",
    lambda request: f"{_which(request.request)} and wait for its result",
)
async def create_with_result(core: Core, request: Any) -> pb.CreateProcessInstanceWithResultResponse:
    began = core.loop.time()
    started, ended = await core.run(*_read(request.request))
    seconds = request.requestTimeout / 1000 or RESULT_SECONDS
    values = await until_ended(core, started.key, ended, began + seconds - core.loop.time())
    return pb.CreateProcessInstanceWithResultResponse(
        processDefinitionKey=started.definition_key,
        bpmnProcessId=started.process_id,
        version=started.version,
        processInstanceKey=started.key,
        variables=write_variables(chosen(values, request.fetchVariables)),
        tenantId=DEFAULT_TENANT,
    )


def chosen(values: dict[str, str], names: Iterable[str]) -> dict[str, str]:
    """Those asked for; all if none are named."""
    wanted = frozenset(names)
    return {name: text for name, text in values.items() if name in wanted} if wanted else values


async def until_ended(
    core: Core, key: int, watched: asyncio.Future[dict[str, str]], seconds: float
) -> dict[str, str]:
    """The root variables of a watched instance once it has ended.

    Raises:
        DeadlineExceeded: it has not, within so many seconds.
        NotFound, Aborted: there is none, or it was cancelled.
        NotReady: the server stops.
    """

    def stop() -> None:
        _give_up(watched, NotReady(STOPPING))

    late = DeadlineExceeded(f"process instance {key} has not ended in time; it goes on", key=key)
    timer = core.loop.call_later(max(seconds, 0.0), _give_up, watched, late)
    core.opened(stop)
    try:
        return await watched
    except BaseException:
        core.node.forget(key, watched)
        raise
    finally:
        timer.cancel()
        core.closed(stop)


def _give_up(watched: asyncio.Future[Any], error: Exception) -> None:
    if not watched.done():
        watched.set_exception(error)


@unary("CancelProcessInstance", "CANCEL", lambda r: f"cancel process instance {r.processInstanceKey}")
async def cancel(core: Core, request: Any) -> pb.CancelProcessInstanceResponse:
    await core.submit(c.CancelInstance(request.processInstanceKey))
    return pb.CancelProcessInstanceResponse()


@unary("MigrateProcessInstance", "MIGRATE", lambda r: f"migrate process instance {r.processInstanceKey}")
async def migrate(core: Core, request: Any) -> pb.MigrateProcessInstanceResponse:
    mapping: dict[str, str] = {}
    for instruction in request.migrationPlan.mappingInstructions:
        if instruction.sourceElementId in mapping:
            raise InvalidInput(f"element {instruction.sourceElementId!r} is mapped more than once")
        mapping[instruction.sourceElementId] = instruction.targetElementId
    definition_key = request.migrationPlan.targetProcessDefinitionKey
    await core.begin(c.MigrateInstance(request.processInstanceKey, mapping, definition_key))
    return pb.MigrateProcessInstanceResponse()


@unary("SetVariables", "UPDATE", lambda r: f"set variables of element instance {r.elementInstanceKey}")
async def set_variables(core: Core, request: Any) -> pb.SetVariablesResponse:
    variables, size = read_variables(request.variables)
    await core.begin(c.SetVariables(request.elementInstanceKey, variables, request.local), size)
    return pb.SetVariablesResponse(key=await core.new_key())
