"""The leases of this client, kept on its own side: Zeebe's protocol answers for a job without one.

A lease gets a number here, so that an answer under an older one is refused, and its end is watched by
the server's clock as far as it shows in the jobs that arrive: an answer that comes later is not sent.
"""

from __future__ import annotations

import time
from collections import deque

import msgspec

from procession.broker import ActivatedJob
from procession.engine import commands as c
from procession.errors import WrongState

OBSERVATIONS = 32


class ServerClock:
    """The server's clock. A job that was just leased tells it, late by the time it was on its way:
    the least late of the last ones counts."""

    def __init__(self) -> None:
        self._ahead: deque[float] = deque([time.time() * 1000 - _monotonic()], maxlen=OBSERVATIONS)
        """Until a job tells better, this host's."""
        self._guessed = True

    def observe(self, now: int) -> None:
        """The server's clock stood at `now` (epoch milliseconds) when it sent what has just come."""
        if self._guessed:
            self._ahead.clear()
            self._guessed = False
        self._ahead.append(now - _monotonic())

    def now(self) -> int:
        return int(max(self._ahead) + _monotonic())


def _monotonic() -> float:
    return time.monotonic() * 1000


class Held(msgspec.Struct):
    """A job that is leased to this client."""

    lease: int
    retries: int
    failures: int
    deadline: int
    """Epoch milliseconds, by the server's clock."""


class Leases:
    """What is leased to this client's workers."""

    def __init__(self) -> None:
        self.clock = ServerClock()
        self._held: dict[int, Held] = {}
        self._last = 0

    def next_number(self) -> int:
        self._last += 1
        return self._last

    def grant(self, job: ActivatedJob) -> None:
        record = job.record
        self._held[job.key] = Held(record.lease, record.retries, record.failures, job.deadline)

    def held(self, key: int) -> Held | None:
        return self._held.get(key)

    def is_over(self, deadline: int) -> bool:
        return self.clock.now() >= deadline

    def check(self, command: c.Command) -> Held | None:
        """The lease a command is given under; None if it names none.

        Raises:
            WrongState: it is over, or another one has begun.
        """
        number = getattr(command, "lease", None)
        if number is None:
            return None
        key: int = command.key  # type: ignore[attr-defined]  # what has a lease has a key
        held = self._held.get(key)
        if held is None or held.lease != number:
            raise WrongState(f"lease {number} of job {key} is not this client's any more", key=key)
        if self.is_over(held.deadline):
            raise WrongState(f"lease {number} of job {key} has ended: it is handed out again", key=key)
        return held

    def renew(self, key: int, lease: int, deadline: int) -> None:
        """The server made a lease longer."""
        held = self._held.get(key)
        if held is not None and held.lease == lease:
            held.deadline = deadline

    def end(self, key: int, lease: int) -> None:
        """It was answered, or lost."""
        held = self._held.get(key)
        if held is not None and held.lease == lease:
            del self._held[key]
