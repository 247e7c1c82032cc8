"""Many timers that are due at once, as after a night without a node: until the last has fired."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import psycopg

from benchmarks.copies import copy_instance
from benchmarks.databases import database_url
from benchmarks.measure import START_VARIABLES, Figures, Scale
from benchmarks.procession_load import TIMER, make_app
from procession import Procession

TIMERS = 100_000
LOOK_SECONDS = 0.05
PATIENCE_SECONDS = 600


def measure(scale: Scale, folder: Path) -> Figures:
    """Seconds from the start of a node until all of them have fired and their instances have ended."""
    count, url = scale.count(TIMERS), database_url(folder, "timers")
    asyncio.run(_seed(folder, url, count - 1))
    began = time.perf_counter()
    asyncio.run(_fire(url))
    seconds = time.perf_counter() - began
    return {"due_timers_seconds": seconds, "timers_per_s": count / seconds}


async def _seed(folder: Path, url: str, copies: int) -> None:
    async with make_app(folder, "timers") as app:
        instance = await app.start(TIMER, START_VARIABLES)
    copy_instance(url, instance.key, copies)
    with psycopg.connect(url) as connection:
        connection.execute("UPDATE timer SET due=(extract(epoch FROM now())*1000)::bigint")


async def _fire(url: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    with psycopg.connect(url, autocommit=True) as connection:
        async with Procession(url):
            while _running(connection):
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{_running(connection)} timers have not fired")
                await asyncio.sleep(LOOK_SECONDS)


def _running(connection: psycopg.Connection[tuple[int, ...]]) -> bool:
    query = "SELECT EXISTS (SELECT FROM process_instance WHERE ended_at IS NULL)"
    row = connection.execute(query).fetchone()
    return bool(row and row[0])
