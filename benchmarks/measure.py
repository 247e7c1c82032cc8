"""How every benchmark measures, and how it hands its figures to the process that started it.

A system is one module with a `measure(scale, folder)` function. It runs in a fresh Python process
per round (`python -m benchmarks.measure MODULE[:CASE]`) and its figures leave as one JSON object on
the last line of standard output, so that nothing a round leaves behind can touch the next.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import os
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

import msgspec

Figures = Mapping[str, float]
"""Metric name to value; the name ends in its unit (`_per_s`, `_ms`, `_mb`, `_ratio`)."""

START_VARIABLES = {"order_id": "A-0001", "amount": 129.9, "country": "PL"}
"""What every system's instances start with."""
TASK_RESULT = {"done": True}
"""What every task answers."""


class Scale(msgspec.Struct, frozen=True, kw_only=True):
    """How much work a round does."""

    factor: float = 1.0

    def count(self, full: int) -> int:
        return max(1, round(full * self.factor))


FULL = Scale()
QUICK = Scale(factor=0.1)


def percentile(samples: Sequence[float], share: float) -> float:
    """The value that `share` (0 to 1) of the samples do not exceed (nearest rank)."""
    ordered = sorted(samples)
    return ordered[min(len(ordered) - 1, max(0, round(share * len(ordered) + 0.5) - 1))]


def median(samples: Sequence[float]) -> float:
    return statistics.median(samples)


def rate(count: int, work: Callable[[], object]) -> float:
    """Run `work`, which does `count` things, and answer things per second."""
    began = time.perf_counter()
    work()
    return count / (time.perf_counter() - began)


async def rate_async(count: int, work: Awaitable[object]) -> float:
    """As `rate`, for something to await."""
    began = time.perf_counter()
    await work
    return count / (time.perf_counter() - began)


async def flood(count: int, in_flight: int, one: Callable[[], Awaitable[object]]) -> None:
    """Await `one` `count` times, `in_flight` of them at a time."""
    left = iter(range(count))

    async def lane() -> None:
        for _ in left:
            await one()

    async with asyncio.TaskGroup() as group:
        for _ in range(min(in_flight, count)):
            group.create_task(lane())


async def latencies(count: int, one: Callable[[], Awaitable[object]]) -> list[float]:
    """Await `one` `count` times, one after the other; milliseconds each."""
    found = []
    for _ in range(count):
        began = time.perf_counter()
        await one()
        found.append((time.perf_counter() - began) * 1_000)
    return found


def resident_mb() -> float:
    """The memory this process holds (RSS), in MiB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.measure")
    parser.add_argument("system", help="module below `benchmarks`, with `:case` if it has several")
    parser.add_argument("--folder", type=Path, required=True, help="empty folder for database files")
    parser.add_argument("--factor", type=float, default=1.0, help="share of the full work")
    options = parser.parse_args()
    module, _, case = options.system.partition(":")
    measure = importlib.import_module(f"benchmarks.{module}").measure
    scale = Scale(factor=options.factor)
    figures: Figures = measure(scale, options.folder, case) if case else measure(scale, options.folder)
    print(msgspec.json.encode(figures).decode(), flush=True)


if __name__ == "__main__":
    main()
