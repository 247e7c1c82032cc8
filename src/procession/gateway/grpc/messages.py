"""Publishing messages and broadcasting signals."""

from __future__ import annotations

from typing import Any

from procession.client.remote.stubs import pb
from procession.engine import commands as c
from procession.engine.records import DEFAULT_TENANT
from procession.gateway.grpc.calls import unary
from procession.gateway.grpc.core import Core
from procession.gateway.grpc.inputs import bounded, check_tenant
from procession.gateway.grpc.variables import read_variables


@unary("PublishMessage", "PUBLISH", lambda r: f"publish message {r.name!r} for {r.correlationKey!r}")
async def publish(core: Core, request: Any) -> pb.PublishMessageResponse:
    check_tenant(request.tenantId)
    variables, size = read_variables(request.variables)
    command = c.PublishMessage(
        request.name,
        request.correlationKey,
        bounded(request.timeToLive),
        request.messageId or None,
        variables,
    )
    return pb.PublishMessageResponse(key=await core.begin(command, size), tenantId=DEFAULT_TENANT)


@unary("BroadcastSignal", "BROADCAST", lambda r: f"broadcast signal {r.signalName!r}")
async def broadcast(core: Core, request: Any) -> pb.BroadcastSignalResponse:
    check_tenant(request.tenantId)
    variables, size = read_variables(request.variables)
    key = await core.begin(c.BroadcastSignal(request.signalName, variables), size)
    return pb.BroadcastSignalResponse(key=key, tenantId=DEFAULT_TENANT)
