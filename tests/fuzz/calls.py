"""Many calls at once, each with its own deadline or cancelled at some moment."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from typing import Any

import grpc
from pyzeebe.proto import gateway_pb2 as pb

METHODS = pb.DESCRIPTOR.services_by_name["Gateway"].methods
WAITING = ("ActivateJobs", "StreamActivatedJobs", "CreateProcessInstanceWithResult")
"""What may take as long as the client allows."""
WAIT_SECONDS = 1.0
ANSWER_SECONDS = 60.0
FAULTS = {
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.UNKNOWN,
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DATA_LOSS,
}
"""What must not happen, whatever is sent."""
AT_ONCE = 16
OPTIONS = (("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1))

Request = tuple[Any, bytes]
"""A method of the protocol, and what is sent to it."""
Outcome = tuple[str, grpc.StatusCode, str]
"""The method's name, the status, and the text with it."""


async def call_all(address: str, requests: Sequence[Request], rng: random.Random) -> list[Outcome]:
    """The outcomes of calls that are made AT_ONCE at a time."""
    room = asyncio.Semaphore(AT_ONCE)
    async with grpc.aio.insecure_channel(address, options=OPTIONS) as channel:

        async def one(request: Request, leaves_after: float | None) -> Outcome:
            async with room:
                return await _call(channel, request, leaves_after)

        work = [one(request, rng.random() ** 4 if rng.random() < 0.2 else None) for request in requests]
        return await asyncio.gather(*work)


async def _call(channel: grpc.aio.Channel, request: Request, leaves_after: float | None) -> Outcome:
    method, body = request
    waits = method.name in WAITING
    kind = channel.unary_stream if method.server_streaming else channel.unary_unary
    path = f"/gateway_protocol.Gateway/{method.name}"
    made = kind(path)(body, timeout=WAIT_SECONDS if waits else ANSWER_SECONDS)
    if leaves_after is not None:
        asyncio.get_running_loop().call_later(leaves_after, made.cancel)
    try:
        if method.server_streaming:
            async for _ in made:
                pass
        else:
            await made
    except asyncio.CancelledError:
        if leaves_after is None:
            raise
    except grpc.aio.AioRpcError:
        pass
    return method.name, await made.code(), await made.details() or ""


def faults(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """The outcomes that must not be: a fault of the server's, or no answer in all the time it had."""
    return [one for one in outcomes if one[1] in FAULTS or _hung(one)]


def _hung(outcome: Outcome) -> bool:
    return outcome[1] is grpc.StatusCode.DEADLINE_EXCEEDED and outcome[0] not in WAITING
