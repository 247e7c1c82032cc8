"""Procession on SQLite with its default durability: one process, many instances in flight."""

from __future__ import annotations

import asyncio
from pathlib import Path

from benchmarks.measure import Figures, Scale, flood, latencies, median, rate_async
from benchmarks.procession_load import IN_FLIGHT, ONE_TASK, TEN_TASKS, make_app, runner

COUNTS = {ONE_TASK: 20_000, TEN_TASKS: 4_000}
NAMES = {ONE_TASK: "one_task", TEN_TASKS: "ten_tasks"}
ALONE = 500
WARM_UP = 200


def measure(scale: Scale, folder: Path) -> Figures:
    """Instances per second with async and with sync handlers, and the median of one alone."""
    return asyncio.run(_measure(scale, folder))


async def _measure(scale: Scale, folder: Path) -> Figures:
    figures = {
        **await _throughput(scale, folder, sync_handlers=False),
        **await _throughput(scale, folder, sync_handlers=True),
    }
    return {**figures, "alone_p50_ms": await _alone(scale, folder)}


async def _throughput(scale: Scale, folder: Path, *, sync_handlers: bool) -> dict[str, float]:
    suffix = "_sync_per_s" if sync_handlers else "_per_s"
    figures = {}
    for process_id, full in COUNTS.items():
        async with make_app(folder, f"{process_id}{suffix}", sync_handlers=sync_handlers) as app:
            one, count = runner(app, process_id), scale.count(full)
            await flood(WARM_UP, WARM_UP, one)
            figures[NAMES[process_id] + suffix] = await rate_async(count, flood(count, IN_FLIGHT, one))
    return figures


async def _alone(scale: Scale, folder: Path) -> float:
    async with make_app(folder, "alone") as app:
        one = runner(app, ONE_TASK)
        await latencies(scale.count(WARM_UP), one)
        return median(await latencies(scale.count(ALONE), one))
