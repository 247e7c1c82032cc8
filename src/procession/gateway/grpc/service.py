"""The service `gateway_protocol.Gateway`, assembled from the calls that the other modules register."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import grpc
from google.protobuf.message import DecodeError

from procession.client.remote.stubs import pb
from procession.gateway.grpc import deployment, instances, jobs, messages, polling, pushing, topology
from procession.gateway.grpc.calls import BEHAVIOURS, Call, unary_behaviour
from procession.gateway.grpc.core import Core
from procession.gateway.grpc.statuses import Unimplemented

SUBJECTS = (deployment, instances, jobs, messages, polling, pushing, topology)
"""The modules with calls."""
SERVICE = "gateway_protocol.Gateway"
_METHODS = pb.DESCRIPTOR.services_by_name["Gateway"].methods


def handler(core: Core) -> grpc.GenericRpcHandler:
    """The service, for a server: every call of the protocol, also those that cannot be carried out yet."""
    methods = {method.name: _method(core, method) for method in _METHODS}
    return grpc.method_handlers_generic_handler(SERVICE, methods)


def _method(core: Core, method: Any) -> grpc.RpcMethodHandler[Any, Any]:
    read = _reader(getattr(pb, method.input_type.name).FromString)
    write = getattr(pb, method.output_type.name).SerializeToString
    make = BEHAVIOURS.get(method.name) or partial(unary_behaviour, _missing(method.name), _refuse)
    if method.server_streaming:
        return grpc.unary_stream_rpc_method_handler(make(core), read, write)
    return grpc.unary_unary_rpc_method_handler(make(core), read, write)


def _reader(parse: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    """Reads requests; what is no message becomes None, since grpc would call an exception a fault of ours."""

    def read(data: bytes) -> Any:
        try:
            return parse(data)
        except DecodeError:
            return None

    return read


def _missing(name: str) -> Call:
    return Call(name, lambda request: f"carry out {name}")


async def _refuse(core: Core, request: Any) -> None:
    raise Unimplemented("this version of Procession cannot do that yet")
