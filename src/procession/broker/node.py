"""A node: the thread that turns what is asked and what is due into batches.

Everything durable is in the database; what a node holds in memory (who waits for what) is lost with
its process and nobody else needs it.
"""

from __future__ import annotations

import contextlib
import logging
import select
import threading
import time
from bisect import insort
from collections.abc import Callable, Container, Iterable
from operator import itemgetter

from procession.broker.agenda import AGAIN_SECONDS, IDLE_SECONDS, Agenda
from procession.broker.batch import Batch, Entry
from procession.broker.forks import forks
from procession.broker.graphs import GraphCache
from procession.broker.health import Health
from procession.broker.held import Held
from procession.broker.intake import Intake
from procession.broker.interpreter import be_responsive
from procession.broker.jobs import ActivatedJob, JobBoard, JobStream
from procession.broker.keys import KeysExhausted, KeySource
from procession.broker.notices import IncidentNotice, notices
from procession.broker.pace import MOST, Pace
from procession.broker.replies import Replies, Submission, Watch
from procession.broker.wakeup import Hint, Peers
from procession.engine import commands as c
from procession.errors import DatabaseBusy, NotReady, ProcessionError, StorageError
from procession.storage.port import Contended, Storage

log = logging.getLogger("procession.broker")

BATCH_BYTES = 4_000_000
CONTENDED_TRIES = 5
"""How often a batch is run again with the locks it turned out to need."""
HELD = "another node holds what this needs; try again later"
CLIENT_KEYS = 1000
"""Keys a node that serves only itself takes at once."""


class Node(Intake):
    """Executes commands on a database; `serve` also fires timers and runs what others left."""

    def __init__(self, storage: Storage, *, serve: bool = True) -> None:
        super().__init__(KeySource(storage) if serve else KeySource(storage, block=CLIENT_KEYS))
        self.storage = storage
        self.serve = serve
        self.health = Health()
        self._graphs = GraphCache()
        self._board = JobBoard()
        self._agenda = Agenda(serve=serve)
        self._waiting: dict[int, list[Watch]] = {}
        self._pace = Pace(storage.turn_seconds, works_here=storage.works_here)
        self._paused_until = 0.0
        self._held = Held()
        """What needs locks that another node holds for long."""
        self._later: list[tuple[float, Submission]] = []
        """What has to wait for other nodes, and until when; the next one first."""
        self._peers = Peers(storage, listen=serve)
        self.on_incidents: Callable[[list[IncidentNotice]], object] | None = None
        """Called on the node's thread with the incidents of a batch, once it is committed."""
        self._thread = threading.Thread(target=self._loop, name="procession-node", daemon=True)

    def start(self) -> None:
        if self.serve:
            be_responsive()
        self._started = True
        self._thread.start()

    def now(self) -> int:
        """The database's time in epoch milliseconds, as far as the last batch tells: leases end by it."""
        return self._agenda.now()

    def stop(self) -> None:
        """Finish what was submitted, then end the thread and close the storage."""
        self._stopping = True
        self._wake()
        if self._born == forks.count:
            self.storage.leave()
            self._thread.join()
            self._close()

    # --- sleeping and waking ------------------------------------------------------------------

    def _loop(self) -> None:
        while True:
            try:
                self._wait()
                if self._stopping and not self._queue and not self._later:
                    return
                if self._key_askers:
                    self._take_next_keys()
                if self._has_work():
                    self._turn()
                if self._board.hasty:
                    self._dismiss()
            except Exception:
                log.exception("a batch failed; trying again in a second")
                self._pause()

    def _has_work(self) -> bool:
        while self._later and self._later[0][0] <= time.monotonic():
            self._queue.append(self._later.pop(0)[1])
        if self._queue or self._watches:
            return True
        if time.monotonic() < self._paused_until:
            return False
        if self._keys.low or self._held.due():
            return True
        return self._board.wanted(self._agenda.now()) or self._agenda.has_work()

    def _pause(self) -> None:
        """Leave what is due alone for a while: the database cannot take it."""
        self._paused_until = time.monotonic() + IDLE_SECONDS

    def _wait(self) -> None:
        """Sleep until something is asked, told or due."""
        self._take_requests()
        if self._has_work() or self._key_askers or self._board.hasty or (self._stopping and not self._later):
            self._take_hints()
            return
        self._asleep = True
        idlers = len(self._idlers)  # those whose reason to look was given before this
        try:
            asked = self._queue or self._requests or self._watches or self._key_askers or self._hints
            if not (asked or self._peers.pending()):
                self._tell_idle(0 if self._later or self._held else idlers)
                select.select([self._wake_in.fileno(), *self._peers.sockets()], [], [], self._patience())
        finally:
            self._asleep = False
        self._take_hints()
        self._take_requests()

    def _patience(self) -> float:
        now = time.monotonic()
        paused = self._paused_until - now
        patience = paused if paused > 0 else self._agenda.patience(self._board.next_due())
        if self._held and paused <= 0:
            patience = min(patience, self._held.patience())
        return min(patience, max(self._later[0][0] - now, 0.0)) if self._later else patience

    def _tell_idle(self, count: int) -> None:
        if time.monotonic() >= self._paused_until:
            for idle, inbox in [self._idlers.popleft() for _ in range(count)]:
                inbox.post([(idle, None, None)])

    def _take_hints(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._wake_in.recv(4096)
        hints = self._peers.receive()
        # Not only when idle: who died between its commit and its datagram told a busy node nothing.
        if self._agenda.must_check() and self._look_at_database():
            hints.append(Hint(all=True))
        while self._hints:
            hint = self._hints.popleft()
            if not self.serve:
                self._peers.tell(hint)  # what was left here is for those who execute it
            hints.append(hint)
        for hint in hints:
            self._heed(hint)

    def _look_at_database(self) -> bool:
        """Whether there may be something to do that nobody told us of; also notes how the database is."""
        try:
            changed = self.storage.changed()
            recovers = self.health.trial_due
            if recovers:
                self.storage.reserve_keys(0)  # shows that it can be written
        except StorageError as error:
            self.health.failed(error)
            return False
        except Contended:
            recovers = False
        self.health.heard()
        if recovers:
            self.health.recovered()
        return changed or recovers

    def _heed(self, hint: Hint) -> None:
        self._agenda.heed(hint)
        if hint.all or hint.jobs:
            self._board.expect(None if hint.all else hint.jobs)
            self._ring(None if hint.all else hint.jobs)
        for key in list(self._waiting) if hint.all else hint.ended:
            self._watches.extend(self._waiting.pop(key, ()))

    def _ring(self, types: Container[str] | None) -> None:
        """There may be jobs of these types (None: of any)."""
        for bell in [self._bells.popleft() for _ in range(len(self._bells))]:
            if types is None or bell.type in types:
                bell.inbox.post([(bell.future, None, None)])
            elif not bell.future.done():
                self._bells.append(bell)

    def _take_next_keys(self) -> None:
        """All who ask get theirs in one transaction."""
        askers = [self._key_askers.popleft() for _ in range(len(self._key_askers))]
        try:
            keys: Iterable[int | None] = self.storage.reserve_keys(len(askers))
            error: ProcessionError | None = None
        except StorageError as failed:
            self.health.failed(failed)
            keys, error = [None] * len(askers), failed
        except Contended:
            keys, error = [None] * len(askers), DatabaseBusy(HELD)
        for (future, inbox), key in zip(askers, keys, strict=True):
            inbox.post([(future, key, error)])

    def _forget(self) -> None:
        """After the watches have been taken: none that is forgotten may come in later."""
        while self._forgotten:
            key, future = self._forgotten.popleft()
            left = [watch for watch in self._waiting.pop(key, ()) if watch.future is not future]
            if left:
                self._waiting[key] = left

    def _take_requests(self) -> None:
        while self._requests:
            request = self._requests.popleft()
            stream = request.stream
            stream.credits += request.credits
            if request.opens:
                self._board.open(stream)
            if request.closed is not None and request.inbox is not None:
                self._end(stream)
                request.inbox.post([(request.closed, None, None)])

    # --- batches ------------------------------------------------------------------------------

    def _turn(self) -> None:
        work = [Entry(submission.command, submission) for submission in self._take_submissions()]
        watches = [self._watches.popleft() for _ in range(min(len(self._watches), MOST))]
        for watch in watches:
            self._waiting.setdefault(watch.key, []).append(watch)
        if self._forgotten and not self._watches:
            self._forget()
        if watches or any(one.submission and one.submission.ended for one in work):
            self._peers.listen()  # before looking, so that no end falls in between
        # What is deployed can be started only when it is stored: a deployment is a batch of its own.
        takes = not any(isinstance(entry.command, c.Deploy) for entry in work)
        # While somebody is known to hold locks for long, nobody waits for any.
        self._execute(work, [watch.key for watch in watches], takes=takes, hurry=bool(self._held))
        if self._held.due():
            self._try_held()

    def _take_submissions(self) -> list[Submission]:
        taken: list[Submission] = []
        size = 0
        while self._queue and len(taken) < self._pace.limit and size < BATCH_BYTES:
            submission = self._queue.popleft()
            alone = isinstance(submission.command, c.Deploy)
            if alone and taken:
                self._queue.put_back(submission)
                break
            size += submission.size
            if submission.frees is not None:
                submission.frees.credits += 1
            taken.append(submission)
            if alone:
                break
        return taken

    def _execute(
        self,
        work: list[Entry],
        watched: list[int],
        *,
        takes: bool,
        hurry: bool = False,
        ahead: frozenset[int] = frozenset(),
        tries: int = CONTENDED_TRIES,
    ) -> None:
        """Commit the work, with what is due if it `takes` that; what cannot be written is narrowed down."""
        try:
            self._commit(work, watched, takes=takes, hurry=hurry, ahead=ahead)
        except Contended as contended:
            self.health.heard()
            self._look_again()
            if contended.held or tries == 0:
                self._part(work, watched, ahead | contended.keys)
                return
            again = [one for one in work if one.submission] if takes else work
            ahead |= contended.keys
            self._execute(again, watched, takes=takes, hurry=hurry, ahead=ahead, tries=tries - 1)
        except KeysExhausted:
            self._look_again()
            self._keys.grow()
            again = [one for one in work if one.submission] if takes else work
            self._execute(again, watched, takes=takes, hurry=hurry, ahead=ahead, tries=tries)
        except StorageError as error:
            self.health.failed(error)
            log.info("a batch failed; what is due is tried again in a second: %s", error)
            self._look_again()
            self._pause()
            self._fail(work, watched, error)
        except Exception as error:
            log.exception("a batch of %d commands could not be written", len(work))
            self._look_again()
            self._narrow(work, watched, error)

    def _look_again(self) -> None:
        """A batch was undone: what it took, and what it found to be left, is still there."""
        self._board.expect(None)
        self._agenda.heed(Hint(all=True))

    def _part(self, work: list[Entry], watched: list[int], locks: frozenset[int]) -> None:
        """Another node holds what some of this needs, perhaps for long: the others must not wait for it."""
        if len(work) > 1:
            half = len(work) // 2
            self._execute(work[:half], watched, takes=False, hurry=True)
            self._execute(work[half:], [], takes=False, hurry=True)
            return
        if self._stopping:
            self._fail(work, watched, DatabaseBusy(HELD))
            return
        self._watches.extend(watch for key in watched for watch in self._waiting.pop(key, ()))
        for one in work:
            level = logging.DEBUG if self._held.trying else logging.WARNING
            log.log(level, "another node holds what %r needs; it is tried until it can be had", one.command)
            if one.submission is not None:
                one.submission.frees = None  # the slot is free all the same
        if work:
            self._held.put(locks, work)

    def _try_held(self) -> None:
        """One command tells whether all that need the same locks must go on waiting."""
        locks, group = self._held.take()
        self._execute(group[:1], [], takes=False, hurry=True)
        if group[0] in self._held:
            self._held.put(locks, group[1:])
        elif len(group) > 1:
            self._queue.extend(one.submission for one in group[1:] if one.submission is not None)
            self._look_again()
        self._held.tried()

    def _postpone(self, submission: Submission) -> None:
        submission.frees = None  # the slot is free all the same
        insort(self._later, (time.monotonic() + AGAIN_SECONDS, submission), key=itemgetter(0))

    def _narrow(self, work: list[Entry], watched: list[int], error: Exception) -> None:
        """Write halves; a single command that cannot be written is left out, and its root hears of it."""
        if len(work) > 1:
            half = len(work) // 2
            self._execute(work[:half], watched, takes=False)
            self._execute(work[half:], [], takes=False)
        elif work and work[0].poison is None:
            work[0].poison = error.with_traceback(None)  # see Entry
            self._execute(work, watched, takes=False)
        else:
            self._pause()
            self._fail(work, watched, ProcessionError(f"nothing could be written: {error!r}"))

    def _fail(self, work: list[Entry], watched: list[int], error: ProcessionError) -> None:
        replies = Replies()
        for one in work:
            if one.submission is not None:
                replies.answer(one.submission, None, error)
        for key in watched:
            for watch in self._waiting.pop(key, ()):
                replies.ended(watch, error)
        replies.post()

    def _commit(
        self, work: list[Entry], watched: list[int], *, takes: bool, hurry: bool, ahead: frozenset[int]
    ) -> None:
        self._keys.refill()
        with self.storage.transaction(ahead, hurry=hurry) as transaction:
            self._pace.begin()
            if takes:
                # Into the caller's list: if the batch cannot be written, these are narrowed down too.
                work.extend(self._agenda.take(transaction, self._held))
            batch = Batch(transaction, self._graphs, self._keys, work, watched, self._waiting)
            batch.run(self._board)
            self._agenda.set_clock(transaction.clock.now)  # it came with what was read
            self._agenda.look_ahead(transaction, batch, took=any(one.submission is None for one in work))
            self._pace.end(len(work))
            transaction.commit()
        self.health.heard()
        self._keys.keep()
        self._board.note(batch.unit)
        if self._bells:
            self._ring({job.type for job in batch.unit.jobs.added.values()})
        self._tell_others(batch)
        if self.on_incidents is not None and batch.unit.incidents.added:
            self.on_incidents(notices(batch.unit))
        # Jobs first: a handler that is quick answers before its starter asks for the result.
        self._hand_over(batch.activated)
        self._reply(batch)

    def _hand_over(self, activated: Iterable[tuple[JobStream, ActivatedJob]]) -> None:
        by_stream: dict[JobStream, list[ActivatedJob]] = {}
        for stream, job in activated:
            by_stream.setdefault(stream, []).append(job)
        for stream, jobs in by_stream.items():
            stream.credits -= len(jobs)
            if stream.once:
                self._end(stream)
            stream.deliver(jobs)

    def _end(self, stream: JobStream) -> None:
        stream.credits = 0
        self._board.close(stream)

    def _dismiss(self) -> None:
        """Tell the streams that do not wait, and got nothing, that there is nothing."""
        hasty, self._board.hasty = self._board.hasty, []
        for stream in hasty:
            if stream.credits > 0:
                self._end(stream)
                stream.deliver([])

    def _tell_others(self, batch: Batch) -> None:
        if self._peers.others():
            hint = self._agenda.hint_for_others(batch)
            if hint:
                self._peers.tell(hint)

    def _reply(self, batch: Batch) -> None:
        replies = Replies()
        for entry in batch.postponed:
            if entry.submission is not None:
                self._postpone(entry.submission)
        for entry in batch.entries:
            if entry.submission is not None:
                replies.answer(entry.submission, entry.reply, entry.error)
                self._begin_to_wait(entry)
        for key, result in batch.results.items():
            for watch in self._waiting.pop(key, ()):
                replies.ended(watch, result)
        replies.post()

    def _begin_to_wait(self, entry: Entry) -> None:
        submission = entry.submission
        if submission is None or submission.ended is None or entry.error is not None:
            return
        watch = Watch(entry.reply.key, submission.ended, submission.inbox)
        if entry.reply.created:
            self._waiting.setdefault(watch.key, []).append(watch)
        else:
            self._watches.append(watch)  # it may have ended long ago

    # --- leaving ------------------------------------------------------------------------------

    def _close(self) -> None:
        self._fail(self._held.leave(), [], DatabaseBusy(HELD))
        replies = Replies()
        for future, inbox in self._key_askers:
            inbox.post([(future, None, NotReady("the app was left before it took keys"))])
        while self._queue:
            late = NotReady("the app was left before the command was carried out")
            replies.answer(self._queue.popleft(), None, late)
        for watch in (*self._watches, *(watch for watches in self._waiting.values() for watch in watches)):
            late = NotReady("the app was left before the instance ended; it goes on when a node runs")
            replies.ended(watch, late)
        replies.post()
        self._tell_idle(len(self._idlers))
        self._peers.close()
        self._wake_in.close()
        self._wake_out.close()
        self.storage.close()
