"""How often a step is tried, and how long it waits between."""

from __future__ import annotations

from datetime import timedelta

import msgspec

from procession.errors import InvalidInput


class RetryPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """The wait grows by `wait` with each failure after the first `patience`.

    >>> RetryPolicy().after(1), RetryPolicy().after(5)
    (datetime.timedelta(seconds=60), datetime.timedelta(seconds=120))
    """

    attempts: int = 50
    """Tries in all; then the process is held with status ERROR."""
    wait: timedelta = timedelta(seconds=60)
    patience: int = 3
    """So many failures wait the same."""

    def __post_init__(self) -> None:
        if self.attempts < 1 or self.wait < timedelta(0) or self.patience < 0:
            raise InvalidInput("a retry policy needs at least one attempt, and no negative wait or patience")

    def after(self, attempt: int) -> timedelta:
        """How long to wait after this attempt, counted from 1, failed."""
        return self.wait * max(attempt - self.patience, 1)
