"""A client that starts instances at a rate, whatever it is answered: for overload. Ends with a JSON line.

It asks once for each and does not try again; those that are refused it times.
"""

from __future__ import annotations

import argparse
import asyncio
import time

import grpc
import grpc.aio
import msgspec
import uvloop

from benchmarks.gateway.load import Load
from benchmarks.measure import percentile


class Flooded(msgspec.Struct, kw_only=True):
    """What became of the calls. A wait counts from when a call was made."""

    seconds: float
    offered: int = 0
    accepted: int = 0
    refused: int = 0
    refused_p50_ms: float = 0.0
    refused_p99_ms: float = 0.0
    failed: dict[str, int] = {}
    """Any other status."""


async def flood(address: str, process_id: str, per_second: float, seconds: float) -> Flooded:
    """Begin so many calls a second; a client that cannot keep up begins fewer and says how many."""
    load, waits = Load(address), list[float]()
    call, request = load.creator.CreateProcessInstance, load.start_request(process_id)
    found = Flooded(seconds=seconds)

    async def one() -> None:
        began = time.perf_counter()
        try:
            await call(request)
            found.accepted += 1
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED:
                waits.append((time.perf_counter() - began) * 1_000)
            else:
                found.failed[error.code().name] = found.failed.get(error.code().name, 0) + 1

    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        while (passed := time.perf_counter() - began) < seconds:
            while found.offered < passed * per_second:
                found.offered += 1
                group.create_task(one())
                if found.offered % 16 == 0:
                    await asyncio.sleep(0)
                    passed = min(time.perf_counter() - began, seconds)
            await asyncio.sleep(0.001)
    found.seconds = time.perf_counter() - began
    found.refused = len(waits)
    if waits:
        found.refused_p50_ms, found.refused_p99_ms = percentile(waits, 0.5), percentile(waits, 0.99)
    await load.close()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gateway.flood")
    parser.add_argument("address")
    parser.add_argument("process_id")
    parser.add_argument("per_second", type=float)
    parser.add_argument("seconds", type=float)
    options = parser.parse_args()
    found = uvloop.run(flood(options.address, options.process_id, options.per_second, options.seconds))
    print(msgspec.json.encode(found).decode(), flush=True)


if __name__ == "__main__":
    main()
