"""How much new work is taken on at once: so much that none of it waits much longer than a second.

What ends work (answers to jobs, cancellations) is never refused, nor is a deployment. Of the rest, the
limit follows what the node achieves: whatever took longer than a second shows how many would have taken
just that; while nothing does, a limit that is reached gives way.
"""

from __future__ import annotations

from procession.errors import ResourceExhausted

PATIENCE_SECONDS = 1.0
FIRST = 1000.0
LEAST = 128.0
MOST = 10_000.0
_WEIGHT = 0.05
"""Of one command in the limit."""


class Admission:
    """Used by one event loop only."""

    def __init__(self) -> None:
        self.under_way = 0
        self.limit = FIRST

    def enter(self) -> int:
        """Take one more on. Answers how many are under way with it, for `leave`.

        Raises:
            ResourceExhausted: that would be too many.
        """
        if self.under_way >= self.limit:
            raise ResourceExhausted(
                f"{self.under_way} commands are under way, and more would wait too long; try again later"
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
