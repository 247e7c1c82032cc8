"""How many commands a batch takes: as many as leave others their turn in time."""

from __future__ import annotations

import time

MOST = 256
LEAST = 8
_WEIGHT = 0.2
"""Of the latest batch in the running mean."""


class Pace:
    """Learns from each batch what a command costs. Used by the node's thread only."""

    def __init__(self, turn_seconds: float) -> None:
        """A batch should work about `turn_seconds` before its commit."""
        self.limit = 64
        self._turn_seconds = turn_seconds
        self._seconds_each = turn_seconds / self.limit
        self._began = 0.0

    def begin(self) -> None:
        """The batch has its turn: from now on others wait."""
        self._began = time.perf_counter()

    def end(self, commands: int) -> None:
        """The batch has done its work, but for the commit: how long a disk takes teaches nothing."""
        if commands < LEAST:
            return  # what a batch costs whatever it holds would be taken for the price of its commands
        seconds_each = (time.perf_counter() - self._began) / commands
        self._seconds_each += _WEIGHT * (seconds_each - self._seconds_each)
        self.limit = max(LEAST, min(MOST, int(self._turn_seconds / self._seconds_each)))
