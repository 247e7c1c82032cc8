"""What a step raises, and what becomes of its process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Any, ClassVar

import pytest

from procession import BpmnError, Incident, Procession
from procession.process import (
    Process,
    ProcessError,
    ProcessManager,
    ProcessResult,
    RetryPolicy,
    Status,
    StepRun,
)
from procession.process.attempts import LOST
from procession.testing.clock import Clock
from tests.acceptance.processes.scene import AT_ONCE, ORDER, PATIENCE, comes_to, running, until


class Failing(Process):
    """Its step does what the test says, in turn."""

    STEPS: ClassVar = {"work": "work", "last": "last"}
    retry = AT_ONCE
    plan: ClassVar[list[Any]] = []

    def work(self) -> ProcessResult:
        now = self.plan.pop(0)
        if isinstance(now, BaseException):
            raise now
        result: ProcessResult = now
        return result

    def last(self) -> ProcessResult:
        return ProcessResult("last")


def _saying(status: Status, *, raised: bool) -> ProcessError | ProcessResult:
    """A step that says what is wrong."""
    data = {"field": "zip"}
    if raised:
        return ProcessError("no address", status=status, data=data)
    return ProcessResult("no address", status=status, data=data)


@pytest.mark.parametrize(
    ("status", "raised"),
    [
        (Status.ERROR, True),
        (Status.EXCEPTION, True),
        (Status.WARNING, True),
        (Status.INFO, True),
        (Status.ERROR, False),
        (Status.EXCEPTION, False),
    ],
)
async def test_a_step_that_says_what_is_wrong_holds_at_once(url: str, status: Status, raised: bool) -> None:
    # Given a step that raises a ProcessError, or answers such a result
    Failing.plan = [_saying(status, raised=raised)]
    async with running(url, Failing) as processes:
        # When it runs
        instance = await processes.start(Failing, ORDER)
        held = await comes_to(processes, instance.key, status)
        detail = await processes.show(instance.key)
    # Then there was one try, which is recorded
    assert held.step == "work"
    assert held.message == f"{status}: no address"
    assert [(run.status, run.message, run.details, run.attempt) for run in detail.history] == [
        (status, "no address", {"field": "zip"}, 1)
    ]


async def test_other_exceptions_are_tried_again_until_it_works(url: str) -> None:
    # Given a step that fails twice
    Failing.plan = [OSError("refused"), ProcessResult("later", status=Status.RETRY), ProcessResult("done")]
    async with running(url, Failing) as processes:
        # When it runs
        instance = await processes.start(Failing, ORDER)
        await instance.result()
        detail = await processes.show(instance.key)
    # Then each run is in the history
    assert [(run.step, run.status, run.message, run.attempt) for run in detail.history] == [
        ("work", Status.RETRY, "OSError: refused", 1),
        ("work", Status.RETRY, "later", 2),
        ("work", Status.SUCCESS, "done", 3),
        ("last", Status.SUCCESS, "last", 1),
    ]


class Three(Failing):
    retry = RetryPolicy(attempts=9)
    retries: ClassVar = {"work": RetryPolicy(attempts=3, wait=timedelta(0))}


async def test_tries_that_are_used_up_are_an_error(url: str) -> None:
    Three.plan = [OSError("refused")] * 3
    async with running(url, Three) as processes:
        instance = await processes.start(Three, ORDER)
        held = await comes_to(processes, instance.key, Status.ERROR)
        detail = await processes.show(instance.key)
    assert held.message == "ERROR: OSError: refused (after 3 tries)"
    assert [run.status for run in detail.history] == [Status.RETRY, Status.RETRY, Status.ERROR]


@pytest.mark.parametrize(
    ("attempt", "seconds"), [(1, 60), (2, 60), (3, 60), (4, 60), (5, 120), (6, 180), (49, 46 * 60)]
)
def test_the_wait_grows_by_a_minute_after_the_first_four_tries(attempt: int, seconds: int) -> None:
    assert RetryPolicy().after(attempt) == timedelta(seconds=seconds)
    assert RetryPolicy().attempts == 50


class Patient(Failing):
    retry = RetryPolicy()


async def test_a_retry_waits_for_its_time(sqlite_url: str) -> None:
    # Given a step that has failed once
    Patient.plan = [OSError("refused"), ProcessResult("done")]
    async with running(sqlite_url, Patient) as processes:
        instance = await processes.start(Patient, ORDER)
        waiting = await comes_to(processes, instance.key, Status.RETRY)
        (run,) = (await processes.show(instance.key)).history
        # When a minute has passed
        with Clock(sqlite_url) as clock:
            clock.move(timedelta(seconds=60))
        await instance.result()
    # Then it was to be tried then, and no sooner
    assert waiting.due_at is not None
    assert run.retry_at is not None
    assert run.retry_at - run.ended_at == timedelta(seconds=60)
    assert abs(waiting.due_at - run.retry_at) < timedelta(seconds=10)


@pytest.mark.parametrize("error", [Incident("look at it"), BpmnError("X-1")])
async def test_the_engines_own_answers_hold_a_step_process(sqlite_url: str, error: Exception) -> None:
    Failing.plan = [error]
    async with running(sqlite_url, Failing) as processes:
        instance = await processes.start(Failing, ORDER)
        await comes_to(processes, instance.key, Status.EXCEPTION)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ("text", "EXCEPTION: step 'work' answered a str, no ProcessResult"),
        (ProcessResult(status=Status.ABORTED), "EXCEPTION: step 'work' answered status ABORTED"),
    ],
)
async def test_an_answer_no_step_may_give_holds_the_process(
    sqlite_url: str, answer: Any, message: str
) -> None:
    Failing.plan = [answer]
    async with running(sqlite_url, Failing) as processes:
        instance = await processes.start(Failing, ORDER)
        held = await comes_to(processes, instance.key, Status.EXCEPTION)
    assert (held.message or "").startswith(message)


class Tolerant(Failing):
    def handle_exception(self, error: Exception) -> ProcessResult | None:
        if isinstance(error, LookupError):
            return ProcessResult(f"nothing there: {error}", status=Status.WARNING)
        if isinstance(error, ValueError):
            raise ProcessError("translated") from error
        return None


async def test_a_hook_may_answer_for_an_exception(sqlite_url: str) -> None:
    Tolerant.plan = [LookupError("A-1")]
    async with running(sqlite_url, Tolerant) as processes:
        instance = await processes.start(Tolerant, ORDER)
        await instance.result()
        first, _ = (await processes.show(instance.key)).history
    assert (first.status, first.message) == (Status.WARNING, "nothing there: A-1")


async def test_a_hook_may_raise_something_else(sqlite_url: str) -> None:
    Tolerant.plan = [ValueError("x")]
    async with running(sqlite_url, Tolerant) as processes:
        instance = await processes.start(Tolerant, ORDER)
        held = await comes_to(processes, instance.key, Status.ERROR)
    assert held.message == "ERROR: translated"


class Invalid(Failing):
    def validate(self) -> None:
        raise ProcessError("the order has no lines", status=Status.WARNING)


async def test_validation_holds_a_process_before_its_first_step(sqlite_url: str) -> None:
    Invalid.plan = []
    async with running(sqlite_url, Invalid) as processes:
        instance = await processes.start(Invalid, ORDER)
        held = await comes_to(processes, instance.key, Status.WARNING)
    assert held.step == "work"


class Lost(Process):
    STEPS: ClassVar = {"work": "work"}
    began: ClassVar[asyncio.Event]

    async def work(self) -> None:
        if not self.began.is_set():
            self.began.set()
            await asyncio.Event().wait()


async def test_a_run_whose_lease_ran_out_is_a_retry(sqlite_url: str) -> None:
    # Given a step whose worker is lost: its app is gone without a word (here: given up at once)
    Lost.began = asyncio.Event()
    async with running(sqlite_url, Lost) as processes:
        instance = await processes.start(Lost, ORDER)
        await asyncio.wait_for(Lost.began.wait(), 30)
        running_now = await comes_to(processes, instance.key, Status.IN_PROGRESS)
        for worker in processes.app._workers:
            await worker.pause()
            if worker._ticker is not None:
                worker._ticker.cancel()  # it renews no more
        # When its lease has ended
        with Clock(sqlite_url) as clock:
            clock.move(timedelta(minutes=2))

        async def history() -> list[StepRun]:
            return (await processes.show(instance.key)).history

        lost = await until(history, lambda runs: runs[-1].status is Status.RETRY)
        processes.app.grace = timedelta(0)
    # Then it was in progress, and is the one that is tried again
    assert running_now.step == "work"
    assert lost[-1].message == LOST


class LostTwice(Process):
    STEPS: ClassVar = {"work": "work"}
    begun: ClassVar[list[str | None]]

    async def work(self) -> ProcessResult:
        self.begun.append(self.step)
        if len(self.begun) < 3:
            await asyncio.Event().wait()
        return ProcessResult("done")


@asynccontextmanager
async def worker(url: str, name: str) -> AsyncIterator[ProcessManager]:
    """An app of its own, with a name."""
    manager = ProcessManager(Procession(url, worker_name=name, grace=timedelta(0)), cool_down=None)
    manager.register(LostTwice)
    async with manager.app:
        yield manager


async def test_runs_that_were_lost_leave_records_when_the_next_one_begins(url: str) -> None:
    LostTwice.begun = []
    with Clock(url) as clock:
        async with AsyncExitStack() as apps:
            # Given a step whose workers are lost, one after the other
            first = await apps.enter_async_context(worker(url, "one"))
            instance = await first.start(LostTwice, ORDER)
            await lose(first, runs=1)
            clock.move(timedelta(minutes=2))
            await lose(await apps.enter_async_context(worker(url, "two")), runs=2)
            clock.move(timedelta(minutes=2))
            # When a third one does it
            third = await apps.enter_async_context(worker(url, "three"))
            await instance.result(timedelta(seconds=PATIENCE))
            history = (await third.show(instance.key)).history
    # Then it is told who had it before, and until when
    assert [(run.status, run.worker, run.message) for run in history] == [
        (Status.RETRY, "one", LOST),
        (Status.RETRY, "two", LOST),
        (Status.SUCCESS, "three", "done"),
    ]
    assert history[0].ended_at < history[1].ended_at <= history[2].started_at


async def lose(manager: ProcessManager, *, runs: int) -> None:
    """When it has begun, its lease is renewed no more."""

    async def begun() -> int:
        return len(LostTwice.begun)

    await until(begun, lambda count: count == runs)
    for one in manager.app._workers:
        await one.pause()
        if one._ticker is not None:
            one._ticker.cancel()
