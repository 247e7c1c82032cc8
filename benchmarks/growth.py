"""What is left behind: memory while many instances pass, and speed beside many old ones.

The speed beside old instances is compared with that of a second, young database in the same process,
block by block in turn, so that a machine whose speed drifts does not decide the ratio.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from benchmarks.measure import Figures, Scale, flood, median, rate_async, resident_mb
from benchmarks.procession_load import IN_FLIGHT, ONE_TASK, WAITING, make_app, runner, starter
from procession import Procession

PASSING = 100_000
WAITING_ONES = 10_000
SLICES = 20
WARM_SLICES = 2
BLOCK = 2_000
BLOCKS = 5


def measure(scale: Scale, folder: Path) -> Figures:
    """Growth of memory in MiB, and speed beside old instances as a share of the speed without them."""
    return asyncio.run(_measure(scale, folder))


async def _measure(scale: Scale, folder: Path) -> Figures:
    async with make_app(folder, "finished") as app:
        memory = await _pass_through(scale, app)
        finished = await _beside(scale, folder, app, "young-1")
    async with make_app(folder, "waiting") as app:
        await flood(scale.count(WAITING_ONES), IN_FLIGHT, starter(app, WAITING))
        waiting = await _beside(scale, folder, app, "young-2")
    return {**memory, "beside_finished_ratio": finished, "beside_waiting_ratio": waiting}


async def _pass_through(scale: Scale, app: Procession) -> dict[str, float]:
    one, samples = runner(app, ONE_TASK), []
    for _ in range(SLICES):
        await flood(scale.count(PASSING // SLICES), IN_FLIGHT, one)
        samples.append(resident_mb())
    settled = samples[WARM_SLICES:]
    return {"memory_mb": settled[-1], "memory_growth_mb": max(settled) - settled[0]}


async def _beside(scale: Scale, folder: Path, old: Procession, name: str) -> float:
    """The median over blocks of the old database's speed divided by a young one's."""
    async with make_app(folder, name) as young:
        pairs = [
            (await _speed(scale, runner(old, ONE_TASK)), await _speed(scale, runner(young, ONE_TASK)))
            for _ in range(BLOCKS)
        ]
    return median([with_old / without for with_old, without in pairs])


async def _speed(scale: Scale, one: Callable[[], Awaitable[object]]) -> float:
    count = scale.count(BLOCK)
    return await rate_async(count, flood(count, IN_FLIGHT, one))
