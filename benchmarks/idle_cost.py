"""What waiting workers cost a server: the processor it uses while long polls and streams are open.

The workers are in this process. Polls ask for as long as they can, so that none is renewed meanwhile.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import grpc
from pyzeebe.proto import gateway_pb2 as pb

POLLS, STREAMS = 1_000, 200
CHANNELS = 10
"""Connections that they share."""
SETTLE_SECONDS = 5.0
"""For the server to take them all in."""
POLL_SECONDS = 3_600
LEASE_SECONDS = 60
LARGEST = 0.05
"""Of a core."""
_GATEWAY = "/gateway_protocol.Gateway"

Call = grpc.aio.UnaryStreamCall[pb.ActivateJobsRequest, pb.ActivateJobsResponse]


async def idle_cost(
    address: str,
    cpu_seconds: Callable[[], float],
    *,
    seconds: float = 10.0,
    polls: int = POLLS,
    streams: int = STREAMS,
) -> float:
    """The share of a core that a server uses while nothing happens, 0.05 being 5%.

    Arguments:
        address: HOST:PORT of its gRPC.
        cpu_seconds: the processor time it has used so far.
        seconds: how long to measure.

    Raises:
        RuntimeError: a poll or a stream ended meanwhile.
    """
    channels = [_channel(address, number) for number in range(CHANNELS)]
    try:
        calls = [_poll(channels[number % CHANNELS], number) for number in range(polls)]
        calls += [_stream(channels[number % CHANNELS], number) for number in range(streams)]
        await asyncio.gather(*(channel.channel_ready() for channel in channels))  # idle calls hear nothing
        await asyncio.sleep(SETTLE_SECONDS)
        began, used = time.perf_counter(), cpu_seconds()
        await asyncio.sleep(seconds)
        share = (cpu_seconds() - used) / (time.perf_counter() - began)
        ended = sum(call.done() for call in calls)
        if ended:
            raise RuntimeError(f"{ended} of {len(calls)} polls and streams did not stay open")
        return share
    finally:
        await asyncio.gather(*(channel.close() for channel in channels))


def _channel(address: str, number: int) -> grpc.aio.Channel:
    """A connection of its own: equal ones would be shared."""
    return grpc.aio.insecure_channel(address, options=(("procession.channel", number),))


def _poll(channel: grpc.aio.Channel, number: int) -> Call:
    request = pb.ActivateJobsRequest(
        type=f"idle-{number}",
        worker="idle",
        timeout=LEASE_SECONDS * 1000,
        maxJobsToActivate=32,
        requestTimeout=POLL_SECONDS * 1000,
    )
    return _open(channel, "ActivateJobs", request)


def _stream(channel: grpc.aio.Channel, number: int) -> Call:
    request = pb.StreamActivatedJobsRequest(
        type=f"idle-{number}", worker="idle", timeout=LEASE_SECONDS * 1000
    )
    return _open(channel, "StreamActivatedJobs", request)


def _open(
    channel: grpc.aio.Channel, name: str, request: pb.ActivateJobsRequest | pb.StreamActivatedJobsRequest
) -> Call:
    method: Any = channel.unary_stream(f"{_GATEWAY}/{name}")
    call: Call = method(request.SerializeToString())
    return call
