"""How a service's handlers are run."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec

from procession.errors import InvalidInput

PANICS: tuple[type[BaseException], ...] = (
    AssertionError,
    NotImplementedError,
    RecursionError,
    SystemError,
    SystemExit,
)
"""What Python raises where a program is wrong, rather than its surroundings: trying again cannot help."""


class TaskHandlerConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of a handler.

    Raises:
        InvalidInput: a setting cannot be right.
    """

    incident_max_retries: int | None = None
    """Tries in all before an incident, counted as Zeebe counts them; None leaves it to the model."""
    retry_timeout: timedelta | None = None
    """After an error the task comes back after this; None: after `initial_backoff`, growing."""
    initial_backoff: timedelta = timedelta(seconds=5)
    """After the first error the task comes back after this."""
    backoff: float = 2.0
    """What the wait is multiplied with after each further error, up to an hour."""
    timeout: timedelta = timedelta(minutes=1)
    """The lease: a task that is not answered within it, nor renewed, goes to another process. It is
    renewed while the handler runs."""
    max_runtime: timedelta = timedelta(hours=1)
    """A handler that takes longer has failed this try."""
    max_active_jobs: int = 10
    """Tasks of the type that are leased at once, those that wait for a free handler included."""
    concurrency: int = 3
    """Handlers of the type that run at once."""
    poll_interval: timedelta = timedelta(seconds=1)
    """How soon a server is asked for tasks it did not push; ever more rarely while there are none, up
    to ten times that. A database is not asked: its nodes wake."""
    event_ttl: timedelta = timedelta(hours=1)
    """How long events that are published wait for those who are to get them."""
    fatal: tuple[type[BaseException], ...] = PANICS
    """Exceptions that are incidents at once."""

    def __post_init__(self) -> None:
        for name in ("incident_max_retries", "max_active_jobs", "concurrency"):
            _need(name, getattr(self, name) is None or getattr(self, name) >= 1, "at least 1")
        for name in ("timeout", "max_runtime", "poll_interval"):
            _need(name, getattr(self, name) > timedelta(0), "longer than 0")
        for name in ("retry_timeout", "initial_backoff", "event_ttl"):
            value = getattr(self, name)
            _need(name, value is None or value >= timedelta(0), "0 or longer")
        _need("backoff", self.backoff >= 1, "at least 1")
        _need("max_active_jobs", self.max_active_jobs >= self.concurrency, "at least concurrency")

    def as_task(self) -> dict[str, Any]:
        """The same as arguments of `Procession.task`."""
        fixed = self.retry_timeout
        return {
            "retries": self.incident_max_retries,
            "backoff": self.initial_backoff if fixed is None else fixed,
            "backoff_factor": self.backoff if fixed is None else 1.0,
            "timeout": self.timeout,
            "max_runtime": self.max_runtime,
            "max_active": self.max_active_jobs,
            "concurrency": self.concurrency,
            "poll_interval": self.poll_interval,
            "fatal": self.fatal,
        }


def _need(name: str, holds: bool, what: str) -> None:
    if not holds:
        raise InvalidInput(f"TaskHandlerConfig: {name} must be {what}")
