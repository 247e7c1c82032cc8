"""How much new work is taken on at once: so much that none of it waits much longer than a second.

What ends work (answers to jobs, cancellations) is never refused, nor is a deployment. Of the rest, the
limit follows what the node achieves: whatever took longer than a second shows how many would have taken
just that; while nothing does, a limit that is reached gives way. And while the event loop itself lags,
what is under way comes first: new work would only make all of it wait longer.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from procession.errors import ResourceExhausted

PATIENCE_SECONDS = 1.0
LAG_SECONDS = 0.025
"""A loop that comes to what it is told so late has more to do than it can."""
FIRST = 1000.0
LEAST = 128.0
"""So much is taken on in any case: what a busy machine merely delays is not refused."""
MOST = 10_000.0
_WEIGHT = 0.05
"""Of one command in the limit."""


class Admission:
    """Used by one event loop only."""

    def __init__(self) -> None:
        self.under_way = 0
        """New work."""
        self.ending = 0
        """What is never refused."""
        self.limit = FIRST

    @contextmanager
    def always(self) -> Iterator[None]:
        """Around what is never refused."""
        self.ending += 1
        try:
            yield
        finally:
            self.ending -= 1

    @contextmanager
    def new_work(self, lag: float) -> Iterator[None]:
        """Around one command that makes new work, while the loop lags by so many seconds.

        Raises:
            ResourceExhausted: it would be too many.
        """
        among = self.enter(lag)
        began = time.monotonic()
        try:
            yield
        finally:
            self.leave(among, time.monotonic() - began)

    def enter(self, lag: float = 0.0) -> int:
        """Take one more on. Answers how many are under way with it, for `leave`.

        Raises:
            ResourceExhausted: that would be too many.
        """
        busy = self.under_way + self.ending
        if self.under_way >= self.limit or (lag > LAG_SECONDS and busy >= LEAST):
            raise ResourceExhausted(
                f"{busy} commands are under way, and more would wait too long; try again later"
            )
        self.under_way += 1
        return self.under_way

    def leave(self, among: int, seconds: float) -> None:
        """One is done, `seconds` after it was taken on as one of so many."""
        self.under_way -= 1
        if seconds > PATIENCE_SECONDS:
            fitting = among * PATIENCE_SECONDS / seconds
            self.limit = max(LEAST, self.limit + _WEIGHT * min(fitting - self.limit, 0.0))
        elif seconds * 2 < PATIENCE_SECONDS and among * 2 > self.limit:
            self.limit = min(MOST, self.limit + 1)
