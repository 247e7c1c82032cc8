"""A node: the thread that turns what is asked and what is due into batches.

Everything durable is in the database; what a node holds in memory (who waits for what) is lost with
its process and nobody else needs it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import select
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import msgspec

from procession.broker.batch import Batch, Entry
from procession.broker.graphs import GraphCache
from procession.broker.inbox import Inbox, Settled
from procession.broker.jobs import ActivatedJob, JobBoard, JobStream, describe
from procession.broker.keys import KeysExhausted, KeySource
from procession.broker.wakeup import MAX_NAMES, Hint, Peers
from procession.engine import commands as c
from procession.errors import NotReady, ProcessionError, ResourceExhausted, StorageError
from procession.storage.port import Storage, Transaction

log = logging.getLogger("procession.broker")

BATCH = 200
"""Commands in one transaction."""
BATCH_BYTES = 4_000_000
IDLE_SECONDS = 1.0
SWEEP_SECONDS = 30.0
QUEUE_LIMIT = 20_000
"""Submissions in waiting beyond which new work is refused; answers to jobs never are."""
FORKED = (
    "this app was opened before the process forked; open another one in the child "
    "(for a prefork web server: in its post-fork hook)"
)
ALWAYS_ADMITTED = (c.CompleteJob, c.FailJob, c.ThrowError, c.CancelInstance, c.Deploy, c.ReleaseJob)


class Submission(msgspec.Struct, eq=False):
    command: c.Command
    future: asyncio.Future[Any] | None
    inbox: Inbox
    size: int
    refused: Callable[[ProcessionError], object] | None = None
    """Called on the inbox's loop when there is no future and the command fails."""
    frees: JobStream | None = None
    """The answer to a job: its stream can take another one."""


class Watch(msgspec.Struct, eq=False):
    """Somebody waits for an instance to end."""

    key: int
    future: asyncio.Future[Any]
    inbox: Inbox


class _Request(msgspec.Struct, eq=False):
    """A change of a job stream."""

    stream: JobStream
    opens: bool = False
    credits: int = 0
    closed: asyncio.Future[None] | None = None
    inbox: Inbox | None = None


class Node:
    """Executes commands on a database; `serve` also fires timers and runs what others left.

    Thread-safe: `submit`, `watch`, `open_stream`, `request`, `close_stream`, `stop`.
    """

    def __init__(self, storage: Storage, *, serve: bool = True) -> None:
        self.storage = storage
        self.serve = serve
        self._graphs = GraphCache()
        self._keys = KeySource(storage) if serve else KeySource(storage, block=1000)
        self._board = JobBoard()
        self._queue: deque[Submission] = deque()
        self._requests: deque[_Request] = deque()
        self._watches: deque[Watch] = deque()
        self._waiting: dict[int, list[Watch]] = {}
        self._look = deque[Hint]()
        self._idlers: deque[tuple[asyncio.Future[None], Inbox]] = deque()
        self._commands_wait = serve
        self._next_timer: int | None = 0 if serve else None
        self._clock_shift = 0
        self._next_sweep = 0.0
        self._next_check = 0.0
        self._paused_until = 0.0
        self._peers = Peers(storage.place, listen=serve) if storage.place is not None else None
        self._wake_in, self._wake_out = socket.socketpair()
        self._wake_in.setblocking(False)
        self._wake_out.setblocking(False)
        self._asleep = False
        self._stopping = False
        self._started = False
        self._pid = os.getpid()
        self._thread = threading.Thread(target=self._loop, name="procession-node", daemon=True)

    # --- called from any thread -------------------------------------------------------------

    def start(self) -> None:
        self._started = True
        self._thread.start()

    def stop(self) -> None:
        """Finish what was submitted, then end the thread and close the storage."""
        self._stopping = True
        self._wake()
        if self._pid == os.getpid():
            self._thread.join()
            self._close()

    def submit(self, command: c.Command, inbox: Inbox, size: int = 0) -> asyncio.Future[Any]:
        """Queue a command; the future (of the inbox's loop) is settled after its commit.

        Raises:
            NotReady: the node has stopped, or this is a fork of its process.
            ResourceExhausted: too much is waiting already.
        """
        self._check()
        if len(self._queue) >= QUEUE_LIMIT and not isinstance(command, ALWAYS_ADMITTED):
            raise ResourceExhausted(f"{len(self._queue)} commands are waiting on this node; try again later")
        future: asyncio.Future[Any] = inbox.loop.create_future()
        self._queue.append(Submission(command, future, inbox, size))
        if self._asleep:
            self._wake()
        return future

    def tell(
        self,
        command: c.Command,
        inbox: Inbox,
        refused: Callable[[ProcessionError], object],
        *,
        frees: JobStream | None = None,
    ) -> None:
        """Queue a command nobody waits for; `refused` hears of it only if it fails.

        `frees` is the stream whose job this answers: it can take another one.
        """
        self._check()
        self._queue.append(Submission(command, None, inbox, 0, refused, frees))
        if self._asleep:
            self._wake()

    def set_key_aside(self) -> int:
        """A key for a record that a caller writes on its own connection.

        Raises:
            ResourceExhausted: none is at hand; the node takes new ones at once, so try again.
        """
        self._check()
        try:
            return self._keys.set_aside()
        finally:
            if self._asleep and self._keys.low:
                self._wake()

    def watch(self, key: int, inbox: Inbox) -> asyncio.Future[dict[str, str]]:
        """A future for the root variables (JSON texts) of an instance, settled when it has ended.

        It fails with `NotFound`, or `Aborted` if the instance was terminated.
        """
        self._check()
        future: asyncio.Future[dict[str, str]] = inbox.loop.create_future()
        self._watches.append(Watch(key, future, inbox))
        if self._asleep:
            self._wake()
        return future

    def open_stream(self, stream: JobStream) -> None:
        self._ask(_Request(stream, opens=True))

    def request(self, stream: JobStream, count: int) -> None:
        """Let the stream take `count` more jobs."""
        self._ask(_Request(stream, credits=count))

    def close_stream(self, stream: JobStream, inbox: Inbox) -> asyncio.Future[None]:
        """Hand nothing more to the stream; the future is settled when that is certain."""
        closed: asyncio.Future[None] = inbox.loop.create_future()
        self._ask(_Request(stream, closed=closed, inbox=inbox))
        return closed

    def nudge(self, hint: Hint) -> None:
        """There may be something to do."""
        self._look.append(hint)
        self._wake()

    def when_idle(self, inbox: Inbox) -> asyncio.Future[None]:
        """A future settled when the node has looked at everything and nothing is left that it could do.

        What is due later, or is with a worker, is not waited for. This is what test harnesses need.
        """
        self._check()
        idle: asyncio.Future[None] = inbox.loop.create_future()
        self._look.append(Hint(all=True))
        self._idlers.append((idle, inbox))
        self._wake()
        return idle

    def _ask(self, request: _Request) -> None:
        self._check()
        self._requests.append(request)
        if self._asleep:
            self._wake()

    def _check(self) -> None:
        if self._pid != os.getpid():
            raise NotReady(FORKED)
        if self._stopping or not self._started:
            raise NotReady("the node is not running; enter the app's context first")

    def _wake(self) -> None:
        try:
            self._wake_out.send(b"!")
        except OSError:
            return  # it is awake, or closed

    # --- the thread ---------------------------------------------------------------------------

    def _loop(self) -> None:
        while True:
            try:
                self._wait()
                if self._stopping and not self._queue:
                    return
                if self._has_work():
                    self._turn()
            except Exception:
                log.exception("a batch failed; trying again in a second")
                self._pause()

    def _now(self) -> int:
        return time.time_ns() // 1_000_000 + self._clock_shift

    def _has_work(self) -> bool:
        if self._queue or self._watches:
            return True
        if time.monotonic() < self._paused_until:
            return False
        if self._keys.low or self._board.wanted(self._now()):
            return True
        return self.serve and (self._commands_wait or self._timer_due() or self._sweep_due())

    def _timer_due(self) -> bool:
        return self._next_timer is not None and self._next_timer <= self._now()

    def _sweep_due(self) -> bool:
        return time.monotonic() >= self._next_sweep

    def _wait(self) -> None:
        """Sleep until something is asked, told or due."""
        self._take_requests()
        if self._stopping or self._has_work():
            self._take_hints()
            return
        self._asleep = True
        idlers = len(self._idlers)  # those whose reason to look was given before this
        try:
            if not (self._queue or self._requests or self._watches or self._look):
                self._tell_idle(idlers)
                sockets = [self._wake_in] if self._peers is None else [self._wake_in, self._peers.socket]
                select.select(sockets, [], [], self._patience())
        finally:
            self._asleep = False
        self._take_hints()
        self._take_requests()

    def _tell_idle(self, count: int) -> None:
        if time.monotonic() >= self._paused_until:
            for idle, inbox in [self._idlers.popleft() for _ in range(count)]:
                inbox.post([(idle, None, None)])

    def _patience(self) -> float:
        dues = [due for due in (self._next_timer, self._board.next_due()) if due is not None]
        now = self._now()
        check = self._next_check - time.monotonic()
        seconds = min([check, *((due - now) / 1000 for due in dues)])
        return max(seconds, 0.001)

    def _take_hints(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._wake_in.recv(4096)
        hints = self._peers.receive() if self._peers is not None else []
        if time.monotonic() >= self._next_check:
            # Not only when idle: who died between its commit and its datagram told a busy node nothing.
            self._next_check = time.monotonic() + IDLE_SECONDS
            if self.storage.changed():
                hints.append(Hint(all=True))
        while self._look:
            hint = self._look.popleft()
            if self._peers is not None and not self.serve:
                self._peers.tell(hint)  # what was left here is for those who execute it
            hints.append(hint)
        for hint in hints:
            self._heed(hint)

    def _heed(self, hint: Hint) -> None:
        if hint.all or hint.jobs:
            self._board.expect(None if hint.all else hint.jobs)
        self._commands_wait = self._commands_wait or hint.commands or hint.all
        if hint.all:
            self._next_timer = 0 if self.serve else None
        elif hint.timer is not None and self.serve:
            self._expect_timer(hint.timer)
        for key in list(self._waiting) if hint.all else hint.ended:
            for watch in self._waiting.pop(key, ()):
                self._watches.append(watch)

    def _expect_timer(self, due: int) -> None:
        if self._next_timer is None or due < self._next_timer:
            self._next_timer = due

    def _take_requests(self) -> None:
        while self._requests:
            request = self._requests.popleft()
            stream = request.stream
            stream.credits += request.credits
            if request.opens:
                self._board.open(stream)
            if request.closed is not None and request.inbox is not None:
                stream.credits = 0
                self._board.close(stream)
                request.inbox.post([(request.closed, None, None)])

    def _turn(self) -> None:
        submissions = self._take_submissions()
        watches = [self._watches.popleft() for _ in range(min(len(self._watches), BATCH))]
        for watch in watches:
            self._waiting.setdefault(watch.key, []).append(watch)
        if watches and self._peers is not None:
            self._peers.listen()  # before looking, so that no end falls in between
        work = [(Entry(submission.command), submission) for submission in submissions]
        self._execute(work, [watch.key for watch in watches], internal=True)

    def _take_submissions(self) -> list[Submission]:
        taken: list[Submission] = []
        size = 0
        while self._queue and len(taken) < BATCH and size < BATCH_BYTES:
            submission = self._queue.popleft()
            size += submission.size
            if submission.frees is not None:
                submission.frees.credits += 1
            taken.append(submission)
        return taken

    def _execute(self, work: list[tuple[Entry, Submission]], watched: list[int], *, internal: bool) -> None:
        """Commit the work; what makes that impossible is narrowed down by halves."""
        try:
            self._commit(work, watched, internal=internal)
        except KeysExhausted:
            self._keys.refill(force=True)
            self._execute(work, watched, internal=internal)
        except StorageError as error:
            if not work:
                log.warning("%s; trying again in a second", error)  # nobody asked, so nobody would hear
            self._board.expect(None)
            self._pause()
            log.warning("a batch failed and is tried again where nobody waits for it: %s", error)
            _answer(work, error)
            self._fail_watches(watched, error)
        except Exception as error:
            self._board.expect(None)
            self._narrow(work, watched, error, internal=internal)

    def _narrow(
        self,
        work: list[tuple[Entry, Submission]],
        watched: list[int],
        error: Exception,
        *,
        internal: bool,
    ) -> None:
        log.exception("a batch of %d commands could not be written", len(work))
        if internal:
            # What is durable stays for a batch of its own.
            self._execute(work, watched, internal=False)
            self._pause()
        elif len(work) > 1:
            half = len(work) // 2
            self._execute(work[:half], watched, internal=False)
            self._execute(work[half:], [], internal=False)
        else:
            failure = ProcessionError(f"the command could not be written: {error!r}")
            _answer(work, failure)
            self._fail_watches(watched, failure)

    def _fail_watches(self, watched: list[int], error: ProcessionError) -> None:
        settled: dict[Inbox, list[Settled]] = {}
        for key in watched:
            for watch in self._waiting.pop(key, ()):
                settled.setdefault(watch.inbox, []).append((watch.future, None, error))
        _post(settled)

    def _pause(self) -> None:
        self._paused_until = time.monotonic() + IDLE_SECONDS

    def _commit(self, work: list[tuple[Entry, Submission]], watched: list[int], *, internal: bool) -> None:
        self._keys.refill()
        with self.storage.transaction() as transaction:
            self._clock_shift = transaction.clock.now - time.time_ns() // 1_000_000
            durable = self._due(transaction) if internal and self.serve else []
            entries = [*durable, *(entry for entry, _ in work)]
            batch = Batch(transaction, self._graphs, self._keys, entries, watched, self._waiting)
            batch.run(self._board if internal else None)
            if self.serve:
                self._look_ahead(transaction, batch, fired=bool(durable))
            activated = self._describe(batch)
            transaction.commit()
        self._keys.keep()
        self._tell(batch)
        self._reply(work, batch)
        for stream, jobs in activated.items():
            stream.credits -= len(jobs)
            stream.deliver(jobs)

    def _due(self, transaction: Transaction) -> list[Entry]:
        """Durable commands, timers that are due, and the sweep of old messages."""
        entries: list[Entry] = []
        if self._commands_wait:
            rows = transaction.commands(BATCH)
            entries = [Entry(c.decode(row.payload), row.key) for row in rows]
        if self._timer_due():
            entries += [Entry(c.TriggerTimer(key)) for key in transaction.due_timers(BATCH)]
        if self._sweep_due():
            transaction.sweep_messages(BATCH * 5)
            self._next_sweep = time.monotonic() + SWEEP_SECONDS
        return entries

    def _look_ahead(self, transaction: Transaction, batch: Batch, *, fired: bool) -> None:
        """What this batch left to do, seen after it was written."""
        unit = batch.unit
        if self._commands_wait or unit.commands.added:
            self._commands_wait = bool(transaction.commands(1))
        if fired or self._timer_due():
            self._next_timer = transaction.next_timer_due()
        else:
            for timer in unit.timers.live.values():
                self._expect_timer(timer.due)
        self._board.note(unit)

    def _describe(self, batch: Batch) -> dict[JobStream, list[ActivatedJob]]:
        activated: dict[JobStream, list[ActivatedJob]] = {}
        for stream, job in batch.handed:
            graph = self._graphs.get(job.definition_key)
            if graph is not None:
                activated.setdefault(stream, []).append(describe(batch.unit, stream, job, graph))
        return activated

    def _tell(self, batch: Batch) -> None:
        """Tell the other nodes what this commit may mean for them."""
        if self._peers is None or not self._peers.others():
            return
        unit = batch.unit
        jobs = {job.type for job in unit.jobs.live.values() if job.due is not None and job.due <= self._now()}
        ended = [i.key for i in unit.instances.live.values() if i.ended_at is not None]
        timers = [timer.due for timer in unit.timers.added.values()]
        commands = bool(unit.commands.added) and not self.serve
        if len(jobs) > MAX_NAMES or len(ended) > MAX_NAMES * 4:
            hint = Hint(all=True)
        else:
            hint = Hint(tuple(jobs), commands, min(timers, default=None), tuple(ended))
        if hint:
            self._peers.tell(hint)

    def _reply(self, work: list[tuple[Entry, Submission]], batch: Batch) -> None:
        settled: dict[Inbox, list[Settled]] = {}
        postponed = {id(entry) for entry in batch.postponed}
        for entry, submission in work:
            if id(entry) in postponed:
                submission.frees = None
                self._queue.append(submission)
            else:
                _settle(settled, submission, entry.reply, entry.error)
        for key, result in batch.results.items():
            for watch in self._waiting.pop(key, ()):
                error = result if isinstance(result, ProcessionError) else None
                settled.setdefault(watch.inbox, []).append((watch.future, result, error))
        _post(settled)

    def _close(self) -> None:
        settled: dict[Inbox, list[Settled]] = {}
        while self._queue:
            late = NotReady("the app was left before the command was carried out")
            _settle(settled, self._queue.popleft(), None, late)
        for watches in self._waiting.values():
            for watch in watches:
                error = NotReady("the app was left before the instance ended; it goes on when a node runs")
                settled.setdefault(watch.inbox, []).append((watch.future, None, error))
        _post(settled)
        self._tell_idle(len(self._idlers))
        if self._peers is not None:
            self._peers.close()
        self._wake_in.close()
        self._wake_out.close()
        self.storage.close()


def _answer(work: list[tuple[Entry, Submission]], error: ProcessionError) -> None:
    settled: dict[Inbox, list[Settled]] = {}
    for _, submission in work:
        _settle(settled, submission, None, error)
    _post(settled)


def _settle(
    settled: dict[Inbox, list[Settled]], submission: Submission, reply: Any, error: ProcessionError | None
) -> None:
    if submission.future is not None:
        settled.setdefault(submission.inbox, []).append((submission.future, reply, error))
    elif error is not None and submission.refused is not None:
        submission.inbox.call(submission.refused, error)


def _post(settled: dict[Inbox, list[Settled]]) -> None:
    for inbox, items in settled.items():
        inbox.post(items)
