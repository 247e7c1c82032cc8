"""Task handlers as they are registered: which job type, how often, how long, how many at once."""

from __future__ import annotations

from datetime import timedelta
from typing import TypeAlias

import msgspec

from procession.client.job import JobHandler
from procession.errors import InvalidInput

DEFAULT_TIMEOUT = timedelta(minutes=1)
DEFAULT_BACKOFF = timedelta(seconds=1)
DEFAULT_MAX_RUNTIME = timedelta(hours=1)
DEFAULT_CONCURRENCY = 10
DEFAULT_BACKOFF_FACTOR = 2.0
DEFAULT_POLL_INTERVAL = timedelta(seconds=1)
Exceptions: TypeAlias = tuple[type[BaseException], ...]
MAX_BACKOFF = timedelta(hours=1)


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """A job type with its handler. See `Procession.task` for what the settings mean."""

    type: str
    handler: JobHandler
    retries: int | None = None
    backoff: timedelta = DEFAULT_BACKOFF
    timeout: timedelta = DEFAULT_TIMEOUT
    max_runtime: timedelta = DEFAULT_MAX_RUNTIME
    concurrency: int = DEFAULT_CONCURRENCY
    max_active: int | None = None
    poll_interval: timedelta = DEFAULT_POLL_INTERVAL
    backoff_factor: float = DEFAULT_BACKOFF_FACTOR
    fatal: Exceptions = ()

    def __post_init__(self) -> None:
        if not self.type.strip():
            raise InvalidInput("a task needs a job type")
        if self.retries is not None and self.retries < 1:
            raise InvalidInput(f"task {self.type!r}: retries must be at least 1")
        if self.concurrency < 1:
            raise InvalidInput(f"task {self.type!r}: concurrency must be at least 1")
        if self.max_active is not None and self.max_active < self.concurrency:
            raise InvalidInput(f"task {self.type!r}: max_active must be at least concurrency")
        if not self.backoff_factor >= 1:
            raise InvalidInput(f"task {self.type!r}: backoff_factor must be at least 1")
        if min(self.timeout, self.max_runtime, self.poll_interval) <= timedelta(0):
            raise InvalidInput(
                f"task {self.type!r}: timeout, max_runtime and poll_interval must be longer than 0"
            )
        if self.backoff < timedelta(0):
            raise InvalidInput(f"task {self.type!r}: backoff must not be negative")

    def tries_left(self, retries: int, failures: int) -> int:
        """Tries left, this one included: the handler's setting wins over the model's."""
        return retries if self.retries is None else max(self.retries - failures, 1)

    def backoff_after(self, failures: int) -> timedelta:
        """The wait before the next try, growing with each failure, at most an hour."""
        longest = max(MAX_BACKOFF, self.backoff)
        grown = self.backoff.total_seconds() * self.backoff_factor ** min(failures, 20)
        return timedelta(seconds=min(grown, longest.total_seconds()))

    @property
    def leased(self) -> int:
        """Jobs leased at once, at most."""
        return self.max_active or self.concurrency
