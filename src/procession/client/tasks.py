"""Task handlers as they are registered: which job type, how often, how long, how many at once."""

from __future__ import annotations

from datetime import timedelta

import msgspec

from procession.client.job import Signature
from procession.errors import InvalidInput

DEFAULT_TIMEOUT = timedelta(minutes=1)
DEFAULT_BACKOFF = timedelta(seconds=1)
DEFAULT_MAX_RUNTIME = timedelta(hours=1)
DEFAULT_CONCURRENCY = 10
MAX_BACKOFF = timedelta(hours=1)


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """A registered handler. See `Procession.task` for what the settings mean."""

    type: str
    signature: Signature
    retries: int | None
    backoff: timedelta
    timeout: timedelta
    max_runtime: timedelta
    concurrency: int

    def __post_init__(self) -> None:
        if not self.type.strip():
            raise InvalidInput("a task needs a job type")
        if self.retries is not None and self.retries < 1:
            raise InvalidInput(f"task {self.type!r}: retries must be at least 1")
        if self.concurrency < 1:
            raise InvalidInput(f"task {self.type!r}: concurrency must be at least 1")
        if self.timeout <= timedelta(0) or self.max_runtime <= timedelta(0) or self.backoff < timedelta(0):
            raise InvalidInput(f"task {self.type!r}: timeout and max_runtime must be longer than 0")

    def tries_left(self, retries: int, failures: int) -> int:
        """Tries left, this one included: the handler's setting wins over the model's."""
        return retries if self.retries is None else max(self.retries - failures, 1)

    def backoff_after(self, failures: int) -> timedelta:
        """The wait before the next try, doubling with each failure, at most an hour."""
        factor: int = 2 ** min(failures, 20)
        return min(self.backoff * factor, max(MAX_BACKOFF, self.backoff))
