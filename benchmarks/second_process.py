"""How long the commands of a second process wait while the first saturates the same SQLite file."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from benchmarks.databases import database_url
from benchmarks.measure import START_VARIABLES, Figures, Scale, flood, latencies, percentile
from benchmarks.procession_load import IN_FLIGHT, ONE_TASK, make_app, runner
from procession import Procession

COMMANDS = 500
WARM_UP = 500
PAUSE_SECONDS = 0.01
NAME = "shared"


def measure(scale: Scale, folder: Path) -> Figures:
    """Milliseconds from a start in the second process to its acknowledgement."""
    return asyncio.run(_measure(scale, folder))


async def _measure(scale: Scale, folder: Path) -> Figures:
    async with make_app(folder, NAME) as app:
        one = runner(app, ONE_TASK)
        await flood(scale.count(WARM_UP), IN_FLIGHT, one)
        done = asyncio.Event()
        load = asyncio.create_task(_saturate(one, done))
        try:
            waits = await _second(database_url(folder, NAME), scale.count(COMMANDS))
        finally:
            done.set()
            await load
    return {
        "wait_p50_ms": percentile(waits, 0.5),
        "wait_p99_ms": percentile(waits, 0.99),
        "wait_max_ms": max(waits),
    }


async def _saturate(one: Callable[[], Awaitable[object]], done: asyncio.Event) -> None:
    async def lane() -> None:
        while not done.is_set():
            await one()

    async with asyncio.TaskGroup() as group:
        for _ in range(IN_FLIGHT):
            group.create_task(lane())


async def _second(url: str, commands: int) -> list[float]:
    arguments = ("-m", "benchmarks.second_process", "--db", url, "--commands", str(commands))
    process = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdout=asyncio.subprocess.PIPE)
    answer, _ = await process.communicate()
    if process.returncode != 0:
        raise RuntimeError(f"the second process ended with exit code {process.returncode}")
    return msgspec.json.decode(answer, type=list[float])


async def _send(url: str, commands: int) -> list[float]:
    waits: list[float] = []
    async with Procession(url) as app:
        for _ in range(commands):
            waits += await latencies(1, lambda: app.start(ONE_TASK, START_VARIABLES))
            await asyncio.sleep(PAUSE_SECONDS)
    return waits


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.second_process")
    parser.add_argument("--db", required=True)
    parser.add_argument("--commands", type=int, required=True)
    options = parser.parse_args()
    print(msgspec.json.encode(asyncio.run(_send(options.db, options.commands))).decode())


if __name__ == "__main__":
    main()
