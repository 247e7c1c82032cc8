"""Background jobs that do nothing, as step processes of one step: durable, with a history.

The workers are `procession worker benchmarks.background_jobs:app`, one process of them or more, on SQLite
or on PostgreSQL.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa

from benchmarks.databases import create_database, database_url, sqlite_url
from benchmarks.measure import Figures, Scale
from benchmarks.ticks import FILE, Ticks

JOBS = 20_000
PATIENCE = 120.0
WORKERS = {"sqlite": 1, "sqlite-two": 2, "postgresql": 2}


def measure(scale: Scale, folder: Path, case: str) -> Figures:
    """Jobs a second: handed in, then worked off, and both together."""
    count, url = scale.count(JOBS), (database_url if case == "postgresql" else sqlite_url)(folder, "jobs")
    create_database(url)
    ticks = Ticks(folder / "ticks")
    os.environ |= {FILE: str(folder / "ticks"), "PROCESSION_BENCH_JOBS": url}
    handed_in = asyncio.run(_hand_in(count))
    with contextlib.ExitStack() as workers:
        for number in range(WORKERS[case]):
            workers.enter_context(_worker(folder / f"log-{number}"))
        worked = ticks.wait(count, PATIENCE)
        _check(url, count)
    return {
        "handed_in_per_s": handed_in,
        "worked_per_s": worked,
        "jobs_per_s": 1 / (1 / handed_in + 1 / worked),
    }


async def _hand_in(count: int) -> float:
    from benchmarks.background_jobs import Background, processes

    processes.app.serve = False
    async with processes.app:
        began = time.perf_counter()
        await processes.start_all(Background, [("job", number) for number in range(count)])
        return count / (time.perf_counter() - began)


@contextlib.contextmanager
def _worker(log: Path) -> Iterator[None]:
    command = [sys.executable, "-m", "procession.cli", "worker", "benchmarks.background_jobs:app"]
    with log.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file)
    try:
        yield
    finally:
        process.terminate()
        process.wait()
        if process.returncode:
            raise RuntimeError(log.read_text())


def _check(url: str, count: int) -> None:
    """All have ended, each with the record of its one run."""
    engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    query = (
        "SELECT (SELECT count(*) FROM process_instance WHERE state = 3), "
        "(SELECT count(*) FROM variable WHERE name LIKE 'run!_%' ESCAPE '!')"
    )
    end = time.monotonic() + PATIENCE
    try:
        while time.monotonic() < end:
            with engine.connect() as connection:
                found = tuple(connection.execute(sa.text(query)).one())
            if found == (count, count):
                return
            time.sleep(0.1)
    finally:
        engine.dispose()
    raise RuntimeError(f"of {count} jobs {found[0]} have ended, {found[1]} left a record")
