"""How long the event loop of an application that embeds Procession is held while it is saturated.

A ticker asks to be woken every millisecond and notes how late that was. `hold_*` are those samples;
`arrival_p99_ms` is what a request sees that arrives at any moment: while a long hold lasts no tick is
taken, so the ticks it swallowed are counted as well, each with the wait it would have had.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.measure import Figures, Scale, flood, percentile
from benchmarks.procession_load import IN_FLIGHT, ONE_TASK, make_app, runner

COUNT = 20_000
WARM_UP = 2_000
TICK_SECONDS = 0.001


def measure(scale: Scale, folder: Path) -> Figures:
    """Lateness of the loop in milliseconds."""
    return asyncio.run(_measure(scale, folder))


async def _measure(scale: Scale, folder: Path) -> Figures:
    samples: list[float] = []
    async with make_app(folder, "lag") as app:
        one = runner(app, ONE_TASK)
        await flood(scale.count(WARM_UP), IN_FLIGHT, one)
        ticker = asyncio.create_task(_tick(samples))
        await flood(scale.count(COUNT), IN_FLIGHT, one)
        ticker.cancel()
    return {
        "hold_p50_ms": percentile(samples, 0.5),
        "hold_p99_ms": percentile(samples, 0.99),
        "hold_max_ms": max(samples),
        "arrival_p99_ms": percentile(list(_arrivals(samples)), 0.99),
    }


async def _tick(samples: list[float]) -> None:
    while True:
        began = time.perf_counter()
        await asyncio.sleep(TICK_SECONDS)
        samples.append((time.perf_counter() - began - TICK_SECONDS) * 1_000)


def _arrivals(samples: Sequence[float]) -> Iterator[float]:
    tick = TICK_SECONDS * 1_000
    for late in samples:
        yield late
        swallowed = int(late / tick)
        yield from (late - number * tick for number in range(1, swallowed + 1))
