"""Statuses of step processes, and of the runs of their steps."""

from __future__ import annotations

from enum import StrEnum


class Status(StrEnum):
    """What a process, or one run of a step, is at."""

    PENDING = "PENDING"
    """Not begun."""
    IN_PROGRESS = "IN_PROGRESS"
    """A step runs, or the next one is due."""
    RETRY = "RETRY"
    """A step failed, or its worker was lost, and is tried again."""
    INFO = "INFO"
    """Held, or ended, with something to know."""
    WARNING = "WARNING"
    """Held, or ended, with something to see to."""
    ERROR = "ERROR"
    """Held: a step said so, or its tries are used up."""
    EXCEPTION = "EXCEPTION"
    """Held for a reason no step foresaw."""
    SUCCESS = "SUCCESS"
    SKIPPED = "SKIPPED"
    """There was nothing (more) to do."""
    ABORTED = "ABORTED"
    """Somebody abandoned it."""


HOLDING = frozenset({Status.INFO, Status.WARNING, Status.ERROR, Status.EXCEPTION})
"""What a `ProcessError` may hold a process at."""
GOING_ON = (Status.SUCCESS, Status.INFO, Status.WARNING, Status.SKIPPED)
"""What a step that is done may be."""
RESTARTABLE = frozenset({Status.ERROR, Status.RETRY, Status.EXCEPTION, Status.INFO, Status.WARNING})
ABANDONABLE = RESTARTABLE | {Status.PENDING}
"""Together with those that may be restarted. What is in progress is neither: a worker may hold it."""
LOCKING = frozenset({Status.ERROR, Status.EXCEPTION})
"""What locks a strict channel down, and is told to people."""

_SUCCESS = Status.SUCCESS
_GRAVITY = {_SUCCESS: 0, Status.INFO: 1, Status.WARNING: 2}


def graver(before: Status | None, now: Status) -> Status:
    """The status a process ends with after steps that ended with these two."""
    before = before or _SUCCESS
    return now if _GRAVITY.get(now, 0) > _GRAVITY.get(before, 0) else before
