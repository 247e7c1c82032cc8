"""Our own service `procession.Instances`: what the Zeebe protocol cannot say. Both sides speak JSON."""

from __future__ import annotations

from typing import Any

import grpc
import msgspec

from procession.client.values import write_variables
from procession.errors import InvalidInput
from procession.gateway.grpc.calls import Call, unary_behaviour
from procession.gateway.grpc.core import Core
from procession.gateway.grpc.instances import until_ended

SERVICE = "procession.Instances"


class Awaited(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A request for the result of an instance."""

    key: int
    timeout: int
    """Milliseconds."""


_decode = msgspec.json.Decoder(Awaited).decode


async def await_result(core: Core, request: bytes) -> bytes:
    """The root variables of an instance, once it has ended, as a JSON object."""
    try:
        awaited = _decode(request)
    except msgspec.MsgspecError as error:
        raise InvalidInput(f"the request is not understood: {error}") from None
    watched = core.node.watch(awaited.key, core.inbox)
    return write_variables(await until_ended(core, awaited.key, watched, awaited.timeout / 1000)).encode()


def _goal(request: Any) -> str:
    return f"await the result of {request.decode(errors='replace')[:100]}"


def handler(core: Core) -> grpc.GenericRpcHandler:
    """The service, for a server."""
    behaviour = unary_behaviour(Call("AWAIT_RESULT", _goal), await_result, core)
    method: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(behaviour)
    return grpc.method_handlers_generic_handler(SERVICE, {"AwaitResult": method})
