"""How many commands a batch takes: as many as leave others their turn in time."""

from __future__ import annotations

import time

MOST = 256
LEAST = 8
_WEIGHT = 0.2
"""Of the latest batch in the running mean."""
_DELAY = 2.0
"""A batch that works here is taken to be at most so many times slower than its processor time."""


class Pace:
    """Learns from each batch what a command costs. Used by the node's thread only."""

    def __init__(self, turn_seconds: float, *, works_here: bool = False) -> None:
        """A batch should work about `turn_seconds` before its commit.

        Where it `works_here`, all its work is this thread's. What others on the machine take from it counts
        up to a point: a batch costs something by itself, so ever smaller ones would make a busy machine
        busier still.
        """
        self.limit = 64
        self._turn_seconds = turn_seconds
        self._works_here = works_here
        self._seconds_each = turn_seconds / self.limit
        self._began = self._worked = 0.0

    def begin(self) -> None:
        """The batch has its turn: from now on others wait."""
        self._began, self._worked = time.perf_counter(), time.thread_time()

    def end(self, commands: int) -> None:
        """The batch has done its work, but for the commit: how long a disk takes teaches nothing."""
        if commands < LEAST:
            return  # what a batch costs whatever it holds would be taken for the price of its commands
        seconds = time.perf_counter() - self._began
        if self._works_here:
            seconds = min(seconds, _DELAY * (time.thread_time() - self._worked))
        self._seconds_each += _WEIGHT * (seconds / commands - self._seconds_each)
        self.limit = max(LEAST, min(MOST, int(self._turn_seconds / self._seconds_each)))
