"""New work in a database with a million finished and a hundred thousand waiting instances.

Its speed is compared with that in a young database on the same server, block by block in turn.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from benchmarks.copies import copy_instance
from benchmarks.databases import database_url
from benchmarks.measure import START_VARIABLES, Figures, Scale, flood, median, rate_async
from benchmarks.procession_load import (
    IN_FLIGHT,
    ONE_TASK,
    RESULT_TIMEOUT,
    WAITING,
    make_app,
    register,
    runner,
)
from procession import Procession

FINISHED = 1_000_000
WAIT = 100_000
WARM_UP = 2_000
BLOCK = 4_000
BLOCKS = 7


def measure(scale: Scale, folder: Path) -> Figures:
    """Speed beside old instances as a share of the speed without them (median over the blocks)."""
    return asyncio.run(_measure(scale, folder))


async def _measure(scale: Scale, folder: Path) -> Figures:
    seconds = await _seed(scale, folder)
    old = Procession(database_url(folder, "old"))
    register(old)
    async with old, make_app(folder, "young") as young:
        for app in (old, young):
            await _speed(scale.count(WARM_UP), app)
        pairs = [
            (await _speed(scale.count(BLOCK), old), await _speed(scale.count(BLOCK), young))
            for _ in range(BLOCKS)
        ]
    return {
        "old_per_s": median([with_old for with_old, _ in pairs]),
        "young_per_s": median([without for _, without in pairs]),
        "beside_old_ratio": median([with_old / without for with_old, without in pairs]),
        "seed_seconds": seconds,
    }


async def _seed(scale: Scale, folder: Path) -> float:
    async with make_app(folder, "old") as app:
        finished = await app.start(ONE_TASK, START_VARIABLES)
        await finished.result(timeout=RESULT_TIMEOUT)
        waiting = await app.start(WAITING, START_VARIABLES)
    url = database_url(folder, "old")
    began = time.perf_counter()
    copy_instance(url, finished.key, scale.count(FINISHED))
    copy_instance(url, waiting.key, scale.count(WAIT))
    return time.perf_counter() - began


async def _speed(count: int, app: Procession) -> float:
    return await rate_async(count, flood(count, IN_FLIGHT, runner(app, ONE_TASK)))
