"""Pauses that grow."""

from __future__ import annotations

import random
from datetime import timedelta


class Pauses:
    """How long to wait after each failure in a row: twice as long each time, up to a limit.

    Each is shortened by up to a quarter at random, so that many who failed together do not come back
    together.
    """

    def __init__(self, first: timedelta, longest: timedelta) -> None:
        self._first = first.total_seconds()
        self._longest = longest.total_seconds()
        self._failures = 0

    def next(self) -> float:
        """Seconds to wait now."""
        pause = seconds_after(self._failures, self._first, self._longest)
        self._failures += 1
        return pause * random.uniform(0.75, 1)

    @property
    def begun(self) -> bool:
        """Whether there was a failure since the last success."""
        return self._failures > 0

    def reset(self) -> None:
        """It worked."""
        self._failures = 0


def seconds_after(failures: int, first: float, longest: float) -> float:
    """The pause after so many earlier failures, without chance."""
    return min(first * 2.0 ** min(failures, 60), longest)
