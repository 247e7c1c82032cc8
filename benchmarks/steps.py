"""Step processes of ten steps, beside the same process drawn in BPMN.

Three cases. `process` is a class of ten steps, `drawn` a process of ten service tasks with the same job
types, variables and keys, whose handlers do nothing and leave nothing, and `recording` the same with
handlers that write what a step leaves as its record, as plain variables.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from time import process_time
from typing import Any

from benchmarks.databases import sqlite_url
from benchmarks.measure import Figures, Scale, flood, rate_async
from benchmarks.models import zeebe_steps
from benchmarks.procession_load import HANDLER_SLOTS, IN_FLIGHT, RESULT_TIMEOUT
from procession import Job, Procession
from procession.process import CoolDown, Process, ProcessManager, ProcessResult

COUNT = 3_000
WARM_UP = 500
PROCESS_ID = "ten-steps"
STEPS = {f"step_{number}": "work" for number in range(1, 11)}
Start = Callable[[Procession, int], Awaitable[object]]


class TenSteps(Process):
    """Ten steps that do nothing"""

    process_id = PROCESS_ID
    STEPS = STEPS

    async def work(self) -> ProcessResult:
        return ProcessResult("Done")


class TenPlainSteps(Process):
    """The same on threads"""

    process_id = PROCESS_ID
    STEPS = STEPS

    def work(self) -> ProcessResult:
        return ProcessResult("Done")


def measure(scale: Scale, folder: Path, case: str) -> Figures:
    """Processes per second, and processor time of each, with async and with plain functions."""
    return asyncio.run(_measure(scale, folder, case))


async def _measure(scale: Scale, folder: Path, case: str) -> Figures:
    figures: dict[str, float] = {}
    for plain in (False, True):
        name = "ten_plain_steps" if plain else "ten_steps"
        app = Procession(sqlite_url(folder, name))
        one = _steps(app, plain) if case == "process" else _drawn(app, folder, plain, case == "recording")
        async with app:
            await flood(scale.count(WARM_UP), IN_FLIGHT, one)
            count, cpu = scale.count(COUNT), process_time()
            figures[f"{name}_per_s"] = await rate_async(count, flood(count, IN_FLIGHT, one))
            figures[f"{name}_cpu_us"] = (process_time() - cpu) / count * 1e6
    return figures


def _steps(app: Procession, plain: bool) -> Callable[[], Awaitable[object]]:
    kind = TenPlainSteps if plain else TenSteps
    processes = ProcessManager(app, cool_down=_half_a_day_away(), concurrency=HANDLER_SLOTS)
    processes.register(kind)
    numbers = iter(range(10**9))

    async def one() -> object:
        instance = await processes.start(kind, ("order", next(numbers)))
        return await instance.result(RESULT_TIMEOUT)

    return one


def _half_a_day_away() -> CoolDown:
    """A window is looked at before each step; this one is not to begin meanwhile."""
    then = datetime.now() + timedelta(hours=12)
    return CoolDown(start=time(then.hour), end=time(then.hour, 10))


def _drawn(app: Procession, folder: Path, plain: bool, recording: bool) -> Callable[[], Awaitable[object]]:
    path = folder / f"{PROCESS_ID}.bpmn"
    path.write_text(zeebe_steps(PROCESS_ID, [f"{PROCESS_ID}.v1.{name}" for name in STEPS]))
    app.deploy(path)
    for name in STEPS:
        _handle(app, name, plain, recording)
    numbers = iter(range(10**9))

    async def one() -> object:
        id = str(next(numbers))
        subject = {"type": "order", "id": id}
        instance = await app.start(
            PROCESS_ID,
            {"processable": subject, "channel": "default", "meta": {}, "status": None, "result": None},
            business_key=f"order:{id}",
            idempotency_key=f"order:{id}",
        )
        return await instance.result(RESULT_TIMEOUT)

    return one


def _handle(app: Procession, step: str, plain: bool, recording: bool) -> None:
    task = app.task(f"{PROCESS_ID}.v1.{step}", concurrency=HANDLER_SLOTS)
    answer = _record if recording else _nothing
    if plain:

        @task
        def work(job: Job, meta: Any = None, processable: Any = None) -> dict[str, Any] | None:
            return answer(job)

    else:

        @task
        async def work_async(job: Job, meta: Any = None, processable: Any = None) -> dict[str, Any] | None:
            return answer(job)


def _nothing(job: Job) -> None:
    return None


def _record(job: Job) -> dict[str, Any]:
    """What a step leaves, written by hand. It comes to the instance's variables: nothing is mapped out."""
    began = datetime.now(UTC)
    return {
        f"run_{job.element_id}": {
            "step": job.element_id,
            "status": "SUCCESS",
            "message": "Done",
            "started_at": began,
            "ended_at": datetime.now(UTC),
            "attempt": job.attempt,
            "worker": job.worker,
            "details": None,
            "payloads": [],
            "log": [],
            "left_out": 0,
            "retry_at": None,
        }
    }
