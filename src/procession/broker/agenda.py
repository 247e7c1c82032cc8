"""What a serving node has to do without being asked: commands that wait, timers, sweeps, checks."""

from __future__ import annotations

import time

from procession.broker.batch import Batch, Entry
from procession.broker.held import Held
from procession.broker.wakeup import MAX_NAMES, Hint
from procession.engine import commands as c
from procession.storage.port import Transaction

IDLE_SECONDS = 1.0
"""How often a node looks whether the database changed, in case a hint was lost."""
AGAIN_SECONDS = 0.01
"""After which work is tried again whose root another node had locked."""
SWEEP_SECONDS = 30.0
AT_ONCE = 200
"""Durable commands, and timers, that one batch takes."""


class Agenda:
    """Used by the node's thread only. With `serve=False` it stays empty."""

    def __init__(self, *, serve: bool) -> None:
        self._serve = serve
        self._commands_wait = serve
        self._commands_from = 0.0
        """Not before this time, because other nodes had locked what was left."""
        self._next_timer: int | None = 0 if serve else None
        self._next_sweep = 0.0
        self._next_check = 0.0
        self._clock_shift = 0

    def now(self) -> int:
        """The storage's time in epoch milliseconds, as far as the last transaction tells."""
        return time.time_ns() // 1_000_000 + self._clock_shift

    def set_clock(self, now: int) -> None:
        self._clock_shift = now - time.time_ns() // 1_000_000

    def has_work(self) -> bool:
        return self._serve and (self._commands_due() or self._timer_due() or self._sweep_due())

    def _commands_due(self) -> bool:
        return self._commands_wait and time.monotonic() >= self._commands_from

    def _timer_due(self) -> bool:
        return self._next_timer is not None and self._next_timer <= self.now()

    def _sweep_due(self) -> bool:
        return time.monotonic() >= self._next_sweep

    def must_check(self) -> bool:
        """Whether it is time to ask the database for changes nobody told us of."""
        if time.monotonic() < self._next_check:
            return False
        self._next_check = time.monotonic() + IDLE_SECONDS
        return True

    def patience(self, job_due: int | None) -> float:
        """Seconds to sleep at most; `job_due` is when a job comes back that somebody waits for."""
        dues = [due for due in (self._next_timer, job_due) if due is not None]
        now = self.now()
        check = self._next_check - time.monotonic()
        if self._commands_wait:
            check = min(check, self._commands_from - time.monotonic())
        return max(min([check, *((due - now) / 1000 for due in dues)]), 0.001)

    def heed(self, hint: Hint) -> None:
        if not self._serve:
            return
        self._commands_wait = self._commands_wait or hint.commands or hint.all
        if hint.all:
            self._next_timer = 0
        elif hint.timer is not None:
            self._expect_timer(hint.timer)

    def _expect_timer(self, due: int) -> None:
        if self._next_timer is None or due < self._next_timer:
            self._next_timer = due

    def take(self, transaction: Transaction, held: Held) -> list[Entry]:
        """Durable commands and timers that are due, but for what is `held`."""
        if not self._serve:
            return []
        entries: list[Entry] = []
        if self._commands_due():
            rows = transaction.commands(AT_ONCE, held.rows)
            entries = [Entry(c.decode(row.payload), row_key=row.key) for row in rows]
            self._commands_wait = len(rows) == AT_ONCE
        if self._timer_due():
            timers = transaction.due_timers(AT_ONCE, held.timers)
            entries += [Entry(c.TriggerTimer(key)) for key in timers]
        return entries

    def expect_commands(self, seconds: float = 0.0) -> None:
        """Commands that were taken are left over, to be tried again after a while."""
        self._commands_wait = self._serve
        self._commands_from = time.monotonic() + seconds

    def look_ahead(self, transaction: Transaction, batch: Batch, *, took: bool) -> None:
        """What the batch left to do, seen after it was written; `took` if `take` gave it anything.

        Also sweeps old messages now and then: when nothing is waited for any more.
        """
        if not self._serve:
            return
        unit = batch.unit
        if unit.commands.added:
            self.expect_commands()
        elif any(entry.row_key is not None for entry in batch.postponed):
            self.expect_commands(AGAIN_SECONDS)
        if took or self._timer_due():
            self._next_timer = transaction.next_timer_due()
            if self._timer_due() and not batch.worked:
                self._next_timer = self.now() + int(AGAIN_SECONDS * 1000)  # others are about to fire them
        else:
            for timer in unit.timers.live.values():
                self._expect_timer(timer.due)
        if self._sweep_due():
            transaction.sweep_messages(AT_ONCE * 5)
            self._next_sweep = time.monotonic() + SWEEP_SECONDS

    def hint_for_others(self, batch: Batch) -> Hint:
        """What a commit may mean for other nodes."""
        unit, now = batch.unit, self.now()
        jobs = {job.type for job in unit.jobs.live.values() if job.due is not None and job.due <= now}
        ended = [i.key for i in unit.instances.live.values() if i.ended_at is not None]
        if len(jobs) > MAX_NAMES or len(ended) > MAX_NAMES * 4:
            return Hint(all=True)
        timers = [timer.due for timer in unit.timers.added.values()]
        commands = bool(unit.commands.added) and not self._serve
        return Hint(tuple(jobs), commands, min(timers, default=None), tuple(ended))
