"""Procession under load, through its public names only: an app with bench handlers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from benchmarks.databases import create_database, database_url
from benchmarks.measure import START_VARIABLES, TASK_RESULT
from benchmarks.models import TASK_TYPE, timer_process, waiting_process, zeebe_process
from procession import Job, Procession

IN_FLIGHT = 1_000
HANDLER_SLOTS = IN_FLIGHT
"""The handlers do nothing, so as many may run as there are instances: jobs never wait for a slot."""
RESULT_TIMEOUT = timedelta(minutes=2)
ONE_TASK, TEN_TASKS, WAITING, TIMER = "bench-1", "bench-10", "bench-waiting", "bench-timer"
MODELS: Mapping[str, str] = {
    ONE_TASK: zeebe_process(ONE_TASK, 1),
    TEN_TASKS: zeebe_process(TEN_TASKS, 10),
    WAITING: waiting_process(WAITING),
    TIMER: timer_process(TIMER),
}


def make_app(folder: Path, name: str, *, sync_handlers: bool = False) -> Procession:
    """An app on a new database with every model deployed and the handlers registered, not yet running."""
    url = database_url(folder, name)
    create_database(url)
    app = Procession(url)
    for process_id, text in MODELS.items():
        path = folder / f"{process_id}.bpmn"
        path.write_text(text)
        app.deploy(path)
    register(app, sync_handlers=sync_handlers)
    return app


def register(app: Procession, *, sync_handlers: bool = False) -> None:
    """Give the app the handlers, which do nothing."""
    task = app.task(TASK_TYPE, concurrency=HANDLER_SLOTS)
    if sync_handlers:

        @task
        def step(job: Job, order_id: str) -> dict[str, Any]:
            return TASK_RESULT

    else:

        @task
        async def step_async(job: Job, order_id: str) -> dict[str, Any]:
            return TASK_RESULT


def runner(app: Procession, process_id: str) -> Callable[[], Awaitable[object]]:
    """What starts one instance and awaits its result."""

    async def one() -> object:
        instance = await app.start(process_id, START_VARIABLES)
        return await instance.result(timeout=RESULT_TIMEOUT)

    return one


def starter(app: Procession, process_id: str) -> Callable[[], Awaitable[object]]:
    """What starts one instance and awaits the acknowledgement only."""

    async def one() -> object:
        return await app.start(process_id, START_VARIABLES)

    return one
