"""One server over gRPC: instances a second, what they cost it, and how long a caller waits.

The load is closed for throughput (so many instances in flight, each followed to its end) and open for
latency (instances begin at a steady rate, whatever the server does). The server is warmed up first,
for as long as Zeebe's machine code takes to be compiled.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

import uvloop

from benchmarks.gateway.load import Load, closed_loop, open_loop
from benchmarks.gateway.servers import SERVERS, Served
from benchmarks.measure import Figures, Scale, percentile

WARM_UP_SECONDS, SECONDS, LEAST_SECONDS = 40.0, 20.0, 4.0
SETTLE_SECONDS = 2.0
"""Of a closed loop before it is counted."""
IN_FLIGHT: Mapping[str, Mapping[str, int]] = {
    "bench-1": {"zeebe": 200},
    "bench-10": {"zeebe": 100, "sqlite": 100, "postgresql": 100, "echo": 100},
}
"""Not swept yet: what seemed to suit each server; the default where it is not named."""
DEFAULT_IN_FLIGHT = 400
NAMES = {"bench-1": "one_task", "bench-10": "ten_tasks"}
STEADY_PER_SECOND = 50.0
LATENCY_SECONDS = 20.0


def measure(scale: Scale, folder: Path, case: str) -> Figures:
    with SERVERS[case](folder) as served:
        return uvloop.run(_measure(scale, served, case))


async def _measure(scale: Scale, served: Served, case: str) -> Figures:
    load = Load(served.address)
    figures = {"ready_seconds": served.ready_seconds}
    try:
        await load.deploy()
        async with load.streaming():
            for process_id in NAMES:
                warm_up = _seconds(scale, WARM_UP_SECONDS / 2)
                await closed_loop(load.starter(process_id), _in_flight(case, process_id), warm_up)
            for process_id, name in NAMES.items():
                in_flight = _in_flight(case, process_id)
                found = await throughput(load, served, process_id, in_flight, _seconds(scale, SECONDS))
                figures |= {f"{name}_{figure}": value for figure, value in found.items()}
        if case != "echo":
            half = figures["one_task_per_s"] / 2
            figures |= await _latencies(load, _seconds(scale, LATENCY_SECONDS), half)
        figures["resident_mb"] = served.resident_mb()
        figures |= {"refused": load.refused, "late": load.late}
    finally:
        await load.close()
    return figures


def _seconds(scale: Scale, full: float) -> float:
    return max(LEAST_SECONDS, full * scale.factor)


def _in_flight(case: str, process_id: str) -> int:
    return IN_FLIGHT[process_id].get(case, DEFAULT_IN_FLIGHT)


async def throughput(
    load: Load, served: Served, process_id: str, in_flight: int, seconds: float
) -> dict[str, float]:
    """Instances ended per second of a closed loop, and the server's processor time for each."""
    whole = seconds + SETTLE_SECONDS
    running = asyncio.create_task(closed_loop(load.starter(process_id), in_flight, whole))
    await asyncio.sleep(SETTLE_SECONDS)
    clock = asyncio.get_running_loop().time
    ended, cpu, began = load.ended, served.cpu_seconds(), clock()
    await asyncio.sleep(seconds)
    count, spent, took = load.ended - ended, served.cpu_seconds() - cpu, clock() - began
    await running
    return {"per_s": count / took, "cpu_us": spent / max(count, 1) * 1e6}


async def _latencies(load: Load, seconds: float, half: float) -> dict[str, float]:
    """Start to result of one task, at a low rate and at half of what it can do."""
    figures: dict[str, float] = {}
    for worker, working in {"stream": load.streaming, "poll": load.polling}.items():
        async with working():
            for name, per_second in {"at_50": STEADY_PER_SECOND, "at_half": half}.items():
                one, count = load.asker("bench-1"), max(1, round(seconds * per_second))
                await open_loop(one, per_second, round(per_second))
                found = await open_loop(one, per_second, count)
                for share in (50, 99):
                    figures[f"{worker}_{name}_p{share}_ms"] = percentile(found, share / 100)
    return figures
