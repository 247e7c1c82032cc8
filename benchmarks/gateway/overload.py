"""What a server does that is asked for ten times what it can do, and afterwards.

One client completes jobs; another one, in a process of its own, starts instances of ten tasks at ten
times the rate that the server has shown before. On a machine with few cores the clients take their
share of it, so what is completed meanwhile is what the whole machine can do.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

import msgspec
import uvloop

from benchmarks.gateway.flood import Flooded
from benchmarks.gateway.load import Load, closed_loop
from benchmarks.gateway.servers import SERVERS, Served
from benchmarks.gateway.system import throughput
from benchmarks.measure import Figures, Scale

PROCESS, TASKS = "bench-10", 10
IN_FLIGHT = 100
TIMES = 10
WARM_UP_SECONDS, SECONDS, LEAST_SECONDS = 10.0, 20.0, 5.0
DRAIN_SECONDS = 300.0


def measure(scale: Scale, folder: Path, case: str = "sqlite") -> Figures:
    """Tasks completed before, during and after, and how quickly what is too much is refused."""
    seconds = max(LEAST_SECONDS, SECONDS * scale.factor)
    with SERVERS[case](folder) as served:
        return uvloop.run(_measure(served, seconds, WARM_UP_SECONDS * scale.factor))


async def _measure(served: Served, seconds: float, warm_up: float) -> Figures:
    load = Load(served.address)
    try:
        await load.deploy()
        async with load.streaming():
            await closed_loop(load.starter(PROCESS), IN_FLIGHT, warm_up)
            before = await throughput(load, served, PROCESS, IN_FLIGHT, seconds)
            flooded, completed = await _overload(load, served, before["per_s"] * TIMES, seconds)
            drained = await _drain(load)
            after = await throughput(load, served, PROCESS, IN_FLIGHT, seconds)
    finally:
        await load.close()
    return {
        "before_per_s": before["per_s"],
        "offered_ratio": flooded.offered / flooded.seconds / before["per_s"],
        "accepted_ratio": flooded.accepted / flooded.seconds / before["per_s"],
        "refused_share": flooded.refused / flooded.offered,
        "failed_share": sum(flooded.failed.values()) / flooded.offered,
        "refused_p50_ms": flooded.refused_p50_ms,
        "refused_p99_ms": flooded.refused_p99_ms,
        "completed_ratio": completed / TASKS / before["per_s"],
        "drained_seconds": drained,
        "after_ratio": after["per_s"] / before["per_s"],
    }


async def _overload(load: Load, served: Served, per_second: float, seconds: float) -> tuple[Flooded, float]:
    """What became of the starts, and the tasks completed per second meanwhile."""
    arguments = ("-m", "benchmarks.gateway.flood", served.address, PROCESS, str(per_second), str(seconds))
    process = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdout=asyncio.subprocess.PIPE)
    await asyncio.sleep(seconds * 0.3)  # it is going, and the limits have been found
    completed, began = load.completed, time.perf_counter()
    await asyncio.sleep(seconds * 0.6)
    rate = (load.completed - completed) / (time.perf_counter() - began)
    output, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"the flood ended with exit code {process.returncode}")
    return msgspec.json.decode(output, type=Flooded), rate


async def _drain(load: Load) -> float:
    """Seconds until nothing that was accepted is left to do."""
    began = time.perf_counter()
    completed = -1
    while load.completed != completed:
        if time.perf_counter() - began > DRAIN_SECONDS:
            raise RuntimeError(f"still busy {DRAIN_SECONDS:g} seconds after the overload")
        completed = load.completed
        await asyncio.sleep(2.0)
    return time.perf_counter() - began
