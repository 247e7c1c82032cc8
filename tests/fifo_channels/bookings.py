"""The processes of the channel: what a run of a step does is drawn from the seed and its job's lease.

Each run says in the journal of its node when it begins and when it ends, by the one clock that all
processes of this machine share.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar

from msgspec import structs

from procession import Job, Procession
from procession.broker import ActivatedJob
from procession.client.job import JobHandler
from procession.client.tasks import Task
from procession.process import Channel, Process, ProcessError, ProcessResult, RetryPolicy, Status
from tests.chaos.journal import Journal

BOOKS = Channel("books", fifo=True)
LEASE = timedelta(seconds=3)
SLOW_SECONDS = 0.3
"""From here on a run is worth waiting for, to stop its node in the middle of it."""


@dataclass(frozen=True, slots=True)
class Witness:
    """What the steps of a node know of the test."""

    journal: Journal
    seed: int
    slow: float
    """The share of runs that are slow."""


_running: ContextVar[tuple[Witness, Job]] = ContextVar("running")


class Watched(Procession):
    """An app whose steps know the job they run for, and so its lease."""

    def __init__(self, url: str, witness: Witness, **options: Any) -> None:
        super().__init__(url, **options)
        self._witness = witness

    def _handle(self, task: Task) -> None:
        super()._handle(structs.replace(task, handler=_Known(task.handler, self._witness)))


class _Known(JobHandler):
    """Lets what a handler calls know its job."""

    def __init__(self, handler: JobHandler, witness: Witness) -> None:
        self._handler = handler
        self._witness = witness
        self.is_async = handler.is_async

    @property
    def fetch(self) -> tuple[str, ...] | None:
        return self._handler.fetch

    def call(self, job: Job, activated: ActivatedJob) -> Any:
        _running.set((self._witness, job))
        return self._handler.call(job, activated)


class Act:
    """What one run does."""

    def __init__(self, process: Process) -> None:
        witness, self._job = _running.get()
        self._journal = witness.journal
        assert process.processable is not None
        self._number = int(process.processable.id)
        chance = random.Random(f"{witness.seed} {self._number} {process.step} {self._job.lease}")
        self.seconds = _seconds(chance, witness.slow)
        self._outcome = _outcome(chance, process.step)
        self._step = process.step

    def begin(self) -> None:
        self._journal.write(
            "begin",
            at=time.monotonic_ns(),
            pid=os.getpid(),
            n=self._number,
            step=self._step,
            job=self._job.key,
            lease=self._job.lease,
            slow=self.seconds >= SLOW_SECONDS,
        )

    def end(self) -> ProcessResult:
        at = time.monotonic_ns()
        self._journal.write("end", at=at, job=self._job.key, lease=self._job.lease, outcome=self._outcome)
        if self._outcome == "retry":
            raise OSError("the line is busy")
        if self._outcome in ("error", "exception"):
            raise ProcessError("the books are closed", status=Status(self._outcome.upper()))
        meta = {"goto_step": self._outcome.removeprefix("goto ")} if self._outcome.startswith("goto") else {}
        return ProcessResult(meta=meta)


def _seconds(chance: random.Random, slow: float) -> float:
    drawn = chance.random()
    if drawn < slow:
        return chance.uniform(SLOW_SECONDS, 2 * SLOW_SECONDS)
    return chance.uniform(0.02, 0.06) if drawn > 0.97 else chance.uniform(0, 0.003)


def _outcome(chance: random.Random, step: str) -> str:
    drawn = chance.random()
    if drawn < 0.10:
        return "retry"
    if drawn < 0.13:
        return chance.choice(["error", "exception"])
    return "goto file" if step == "draft" and drawn < 0.5 else "done"


class Entry(Process):
    STEPS: ClassVar = {"check": "act", "write": "act", "close": "act"}
    channel = BOOKS
    retry = RetryPolicy(wait=timedelta(milliseconds=20), attempts=4)

    def act(self) -> ProcessResult:
        act = Act(self)
        act.begin()
        time.sleep(act.seconds)
        return act.end()


class Report(Entry):
    """May go from its first step to its last."""

    STEPS: ClassVar = {"draft": "act", "review": "act", "file": "act"}


class Transfer(Process):
    STEPS: ClassVar = {"open": "act", "settle": "act"}
    channel = BOOKS
    retry = RetryPolicy(wait=timedelta(milliseconds=100), attempts=4, patience=0)

    async def act(self) -> ProcessResult:
        act = Act(self)
        act.begin()
        await asyncio.sleep(act.seconds)
        return act.end()


KINDS: tuple[type[Process], ...] = (Entry, Report, Transfer)


def kind_of(number: int, seed: int) -> type[Process]:
    """The class of a process."""
    return random.Random(f"{seed} kind {number}").choice(KINDS)
