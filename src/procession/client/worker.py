"""A worker: takes jobs of one type, runs the handler, answers, and keeps the leases alive."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from procession.broker import ActivatedJob, JobStream
from procession.client.answers import completion, failure, unfit
from procession.client.job import Job
from procession.client.tasks import Task
from procession.client.values import milliseconds
from procession.engine import commands as c
from procession.errors import InvalidInput, NotFound, NotReady, ProcessionError, WrongState

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from procession.client.commands import Commands

log = logging.getLogger("procession.worker")

CHUNK = 64
"""Jobs handed to a thread at once, at most."""
SHORT_SECONDS = 0.001
"""A chunk holds as many jobs as take about this long together."""
AHEAD_SECONDS = 0.05
"""Plain handlers lease as many jobs as take about this long together, where that is more than their threads:
so a job waits no longer here while another process is free."""
MOST_AHEAD = 256
ANSWER_AGAIN_SECONDS = 0.2
_EAGER: dict[str, Any] = {"eager_start": True} if sys.version_info >= (3, 12) else {}


class Running:
    """A job that is being handled."""

    __slots__ = ("activated", "began", "deadline", "disowned", "job", "missed", "started", "task")

    def __init__(self, activated: ActivatedJob) -> None:
        self.activated = activated
        self.began = time.monotonic()
        self.deadline = activated.deadline
        """Milliseconds of the engine's time at which its lease ends, as far as we know."""
        self.started = False
        self.missed = False
        """The lease ended before the handler was called."""
        self.task: asyncio.Task[None] | None = None
        self.job: Job | None = None
        self.disowned = False
        """The lease was lost or the time is over: its answer is not sent."""

    @property
    def needs_lease(self) -> bool:
        """Whether it is still to be answered: a handler that has done so itself may take its time."""
        return not self.disowned and not (self.job is not None and self.job.answering)

    def start(self) -> None:
        """Its handler is called now: the time it may take begins."""
        self.started = True
        self.began = time.monotonic()


class Worker:
    """Runs one task's handler on the app's event loop, or on threads if it is a plain function."""

    def __init__(self, app: Commands, task: Task, name: str) -> None:
        self.task = task
        self._app = app
        self._backend = app._backend
        self._inbox = self._backend.inbox
        self._loop = asyncio.get_running_loop()
        self._running: dict[int, Running] = {}
        self._idle = asyncio.Event()
        self._idle.set()
        self._closing = False
        self._timeout = milliseconds(task.timeout)
        self._threads = (
            None
            if task.handler.is_async
            else ThreadPoolExecutor(task.concurrency, thread_name_prefix=f"task-{task.type}")
        )
        self._slots = asyncio.Semaphore(task.concurrency) if task.leased > task.concurrency else None
        """What async handlers wait for, where more jobs are leased than handled."""
        self._seconds_each = SHORT_SECONDS
        self._wanted = self._granted = task.leased
        """Jobs it would lease at once, and how many it may."""
        self._name = name
        self._stream = self._new_stream()
        self._paused = False
        self._draining = False
        self._ticker: asyncio.TimerHandle | None = None
        self._on_refused = self._refused
        """Made once: each job's answer names it."""

    def _new_stream(self) -> JobStream:
        task = self.task
        stream = JobStream(task.type, self._name, self._timeout, task.handler.fetch, self._deliver)
        stream.rest_seconds = task.poll_interval.total_seconds()
        return stream

    def open(self) -> None:
        if not self._paused:
            self._lease()
        self._tick()

    def _lease(self) -> None:
        self._backend.open_stream(self._stream)
        self._backend.request(self._stream, self._granted - len(self._running))

    async def pause(self) -> None:
        """Lease nothing more until `resume`; what runs goes on. Not to be called while it is under way."""
        closing = self._stop_leasing()
        if closing is not None:
            await closing

    def _stop_leasing(self) -> asyncio.Future[None] | None:
        """Answers when it is certain that nothing more comes; None: it is already."""
        if self._paused or self._closing:
            return None
        self._paused = True
        return None if self._ticker is None else self._backend.close_stream(self._stream)

    def resume(self) -> None:
        """Lease jobs again."""
        if self._paused and not (self._closing or self._draining):
            self._paused = False
            self._stream = self._new_stream()
            self._lease()

    def drain(self) -> Awaitable[None]:
        """Lease nothing more for good, from this call on; answers when what is held has been handled."""
        self._draining = True
        return self._drained(self._stop_leasing())

    async def _drained(self, closing: asyncio.Future[None] | None) -> None:
        if closing is not None:
            await closing
        await self._idle.wait()

    def take(self, activated: ActivatedJob) -> None:
        """Handle a job that was leased in the name of this worker by its key."""
        if self._threads is None:
            self._receive(activated, called=True)
        else:
            self._receive_chunk([activated], called=True)

    # --- jobs come in ---------------------------------------------------------------------------

    def _deliver(self, jobs: list[ActivatedJob]) -> None:
        if self._threads is None:
            self._inbox.call_each(self._receive, jobs)
        else:
            self._inbox.call_each(self._receive_chunk, [jobs])

    def _receive(self, activated: ActivatedJob, called: bool = False) -> None:
        if self._closing or (self._paused and not called):
            self._release(activated)
            return
        running = self._running[activated.key] = Running(activated)
        self._idle.clear()
        handling = (
            self._handle(running) if self._slots is None else self._handle_in_slot(running, self._slots)
        )
        running.task = asyncio.Task(handling, loop=self._loop, **_EAGER)

    def _receive_chunk(self, jobs: list[ActivatedJob], called: bool = False) -> None:
        if self._closing or self._threads is None or (self._paused and not called):
            for job in jobs:
                self._release(job)
            return
        entries = [Running(job) for job in jobs]
        self._idle.clear()
        for running in entries:
            self._running[running.activated.key] = running
        self._hand_to_threads(self._threads, entries)

    def _hand_to_threads(self, threads: ThreadPoolExecutor, entries: list[Running]) -> None:
        size = max(1, min(CHUNK, int(SHORT_SECONDS / self._seconds_each)))
        for at in range(0, len(entries), size):
            threads.submit(self._handle_chunk, entries[at : at + size])

    # --- handlers run ---------------------------------------------------------------------------

    async def _handle_in_slot(self, running: Running, slots: asyncio.Semaphore) -> None:
        try:
            async with slots:
                if not self._closing:
                    await self._handle(running)
                    return
        except asyncio.CancelledError:
            pass  # it was taken from us while it waited
        self._done(running, None)

    def _may_begin(self, running: Running) -> bool:
        """Unless the lease has ended: another process may have got the job while this one was stopped."""
        if self._backend.now() < running.deadline:
            running.start()
            return True
        log.warning("job %d is not begun: its lease ended while it waited here", running.activated.key)
        running.missed = running.disowned = True
        return False

    async def _handle(self, running: Running) -> None:
        if not self._may_begin(running):
            self._done(running, None)
            return
        job = running.job = self._job(running.activated)
        try:
            result = await self.task.handler.call(job, running.activated)
            answer = completion(self.task, job, running.activated, result)
        except asyncio.CancelledError:
            answer = None
        except (Exception, SystemExit) as error:  # a handler that calls sys.exit() ends nobody else's work
            answer = failure(self.task, job, running.activated, error)
        self._done(running, answer)

    def _handle_chunk(self, chunk: list[Running]) -> None:
        """On a thread: handle jobs one after the other; answers go out together."""
        answers: list[tuple[Running, c.Command | None]] = []
        took: list[float] = []
        last = time.monotonic()
        for running in chunk:
            began = time.monotonic()
            answers.append((running, self._handle_sync(running)))
            now = time.monotonic()
            took.append(now - began)
            if now - last > SHORT_SECONDS:
                self._inbox.call(self._done_all, answers)
                answers, last = [], time.monotonic()
        # The median: now and then one waits for the interpreter, which says nothing of the others.
        self._seconds_each = max(sorted(took)[len(took) // 2], 1e-6)
        if self.task.max_active is None:
            self._wanted = max(self.task.leased, min(int(AHEAD_SECONDS / self._seconds_each), MOST_AHEAD))
        self._inbox.call(self._done_all, answers)

    def _handle_sync(self, running: Running) -> c.Command | None:
        activated = running.activated
        if self._closing or running.disowned or not self._may_begin(running):
            return None
        job = self._job(activated)
        try:
            result = self.task.handler.call(job, activated)
            return completion(self.task, job, activated, result)
        except (Exception, SystemExit) as error:
            return failure(self.task, job, activated, error)

    def _job(self, activated: ActivatedJob) -> Job:
        return Job(
            activated, self.task.tries_left(activated.record.retries, activated.record.failures), self._app
        )

    # --- answers go out -------------------------------------------------------------------------

    def _done_all(self, answers: list[tuple[Running, c.Command | None]]) -> None:
        for running, answer in answers:
            self._done(running, answer)

    def _done(self, running: Running, answer: c.Command | None) -> None:
        activated = running.activated
        if self._running.get(activated.key) is running:  # else it was given back, and came again
            del self._running[activated.key]
        if not self._running:
            self._idle.set()
        if running.missed:
            self._release(activated)  # if nobody has it, nobody has to find out that it was never begun
        if running.disowned:
            answer = None
        if answer is not None:
            self._answer(activated, answer, self._freed())
        elif self._closing and not running.disowned:
            self._release(activated)
        elif self._freed() is not None:
            self._backend.request(self._stream, 1)

    def _freed(self) -> JobStream | None:
        """What may have another job in place of one that is done; None: nothing may."""
        if self._closing or self._paused:
            return None
        more = self._wanted - self._granted
        if more < 0 and self._running:  # the last one's answer gives its slot back: it tells when all are
            self._granted -= 1
            return None
        if more > 0:
            self._granted += more
            self._backend.request(self._stream, more)
        return self._stream

    def _answer(self, activated: ActivatedJob, answer: c.Command, frees: JobStream | None = None) -> None:
        try:
            self._backend.tell(answer, self._on_refused, about=activated, frees=frees)
        except InvalidInput as error:
            self._answer(activated, unfit(activated, error), frees)
        except NotReady:
            log.warning(
                "job %d was handled, but the app has stopped: it will be handed out again", activated.key
            )

    def _refused(self, activated: ActivatedJob, answer: c.Command, error: ProcessionError) -> None:
        if isinstance(error, NotFound):
            log.info("job %d was taken back before its answer came: %s", activated.key, error)
        elif isinstance(error, WrongState):
            log.warning("the answer to job %d was refused: %s", activated.key, error)
        elif isinstance(error, InvalidInput) and not isinstance(answer, c.FailJob):
            self._answer(activated, unfit(activated, error))
        elif self._backend.now() < activated.deadline:
            self._loop.call_later(ANSWER_AGAIN_SECONDS, self._answer, activated, answer)
        else:
            log.error("job %d could not be answered before its lease ended: %s", activated.key, error)

    def _release(self, activated: ActivatedJob) -> None:
        command = c.ReleaseJob(activated.key, activated.lease)
        self._backend.tell(command)

    # --- leases are kept alive ------------------------------------------------------------------

    def _tick(self) -> None:
        """Renew the leases of what runs; end what ran too long."""
        seconds = self.task.timeout.total_seconds() / 3
        self._ticker = self._loop.call_later(seconds, self._tick)
        now = time.monotonic()
        for running in list(self._running.values()):
            lived = now - running.began
            if lived >= self.task.max_runtime.total_seconds():
                self._overrun(running)
            elif running.needs_lease:
                self._renew(running)

    def _renew(self, running: Running) -> None:
        activated, now = running.activated, self._backend.now()
        if running.started or now < running.deadline:
            running.deadline = now + self._timeout  # if it is refused, we are told that the job is lost
        command = c.UpdateJob(activated.key, timeout=self._timeout, lease=activated.lease)
        self._backend.tell(command, self._lost, about=running)

    def _lost(self, running: Running, renewal: c.Command, error: ProcessionError) -> None:
        if not running.needs_lease or running.activated.key not in self._running:
            return
        if isinstance(error, WrongState | NotFound):
            level = logging.INFO if isinstance(error, NotFound) else logging.WARNING
            log.log(level, "job %d is no longer ours: %s", running.activated.key, error)
            self._disown(running)

    def _overrun(self, running: Running) -> None:
        if running.disowned:
            return
        if not running.started:
            self._release(running.activated)  # it has waited for a slot all the while: others may have one
            self._disown(running)
            return
        limit = self.task.max_runtime
        job = self._job(running.activated)
        overrun = failure(
            self.task, job, running.activated, TimeoutError(f"the handler ran longer than {limit}")
        )
        self._disown(running)
        self._answer(running.activated, overrun)

    def _disown(self, running: Running) -> None:
        """An async handler is cancelled; a plain function cannot be, so its answer is dropped."""
        running.disowned = True
        if running.task is not None:
            running.task.cancel()

    @property
    def busy(self) -> bool:
        """Whether a job is with it, or an answer on its way."""
        return bool(self._running) if self._paused else self._stream.credits < self._granted

    async def idle(self) -> None:
        """Wait until no handler runs."""
        await self._idle.wait()

    # --- leaving --------------------------------------------------------------------------------

    async def close(self, grace: float) -> None:
        """Take no more jobs, wait `grace` seconds for handlers, and give the other leases back."""
        if not self._paused:
            await self._backend.close_stream(self._stream)
        self._closing = True
        if self._running:
            try:
                await asyncio.wait_for(self._idle.wait(), grace)
            except TimeoutError:
                await self._give_up()
        if self._ticker is not None:
            self._ticker.cancel()
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)

    async def _give_up(self) -> None:
        tasks = [running.task for running in self._running.values() if running.task is not None]
        for running in list(self._running.values()):
            log.warning("job %d did not finish in time: its lease is given back", running.activated.key)
            self._release(running.activated)
            self._disown(running)
        await asyncio.gather(*tasks, return_exceptions=True)


def worker_name() -> str:
    """A name that tells operators which process holds a lease."""
    import os
    import socket

    return f"{socket.gethostname()}-{os.getpid()}-{threading.get_native_id()}"
