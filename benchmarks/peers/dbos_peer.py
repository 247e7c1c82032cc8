"""DBOS: durable functions with one and with ten steps.

Three cases: `default` is SQLite as DBOS creates it (a rollback journal), `wal` is the same with the
journal mode Procession uses (both commit with synchronous=FULL, SQLite's own default), `server` is
PostgreSQL with psycopg, on the run's server. Steps and workflows are async, which was faster here
than its threads.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from dbos import DBOS, DBOSConfig

from benchmarks.databases import create_database, database_url
from benchmarks.measure import (
    START_VARIABLES,
    TASK_RESULT,
    Figures,
    Scale,
    flood,
    latencies,
    median,
    rate_async,
)

COUNTS = {1: 400, 10: 100}
ALONE = 100
IN_FLIGHT = 50
WARM_UP = 5


def measure(scale: Scale, folder: Path, case: str) -> Figures:
    """Workflows per second with many in flight, and the median of one alone, start to result."""
    url = database_url(folder, "dbos")
    create_database(url)
    if case == "wal":
        _make_wal(folder / "dbos.db")
    config = DBOSConfig(
        name="bench",
        system_database_url=url,
        log_level="ERROR",
        enable_otlp=False,
    )
    DBOS(config=config)
    workflows = {tasks: _workflow(tasks) for tasks in COUNTS}
    DBOS.launch()
    try:
        return asyncio.run(_measure(scale, workflows))
    finally:
        DBOS.destroy()


def _make_wal(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.close()


def _workflow(tasks: int) -> Callable[[], Awaitable[Any]]:
    @DBOS.step(name=f"step_{tasks}")
    async def step() -> dict[str, Any]:
        return TASK_RESULT

    @DBOS.workflow(name=f"workflow_{tasks}")
    async def workflow(variables: dict[str, Any]) -> dict[str, Any]:
        for _ in range(tasks):
            variables = {**variables, **await step()}
        return variables

    async def one() -> Any:
        handle = await DBOS.start_workflow_async(workflow, START_VARIABLES)
        return await handle.get_result()

    return one


async def _measure(scale: Scale, workflows: dict[int, Callable[[], Awaitable[Any]]]) -> Figures:
    await flood(WARM_UP, WARM_UP, workflows[1])
    one, ten = scale.count(COUNTS[1]), scale.count(COUNTS[10])
    return {
        "one_task_per_s": await rate_async(one, flood(one, IN_FLIGHT, workflows[1])),
        "ten_tasks_per_s": await rate_async(ten, flood(ten, IN_FLIGHT, workflows[10])),
        "alone_p50_ms": median(await latencies(scale.count(ALONE), workflows[1])),
    }
