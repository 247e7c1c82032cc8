"""A job is with one worker at a time, and only the newest lease may complete it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from .history import History, JobEnd
from .promises import Lease, Promises


def leases(history: History, promises: Promises) -> Iterator[str]:
    """Complaints about completions and leases, none if every worker was told the truth."""
    for key, lease in promises.completed:
        job = history.jobs.get(key)
        if job is None or job.state != JobEnd.COMPLETED:
            yield f"completion of job {key} was acknowledged, but it is {job}"
        elif job.lease != lease:
            yield f"completion of job {key} was accepted under lease {lease}, the newest is {job.lease}"
    for key, handed in promises.handed.items():
        job = history.jobs.get(key)
        newest = job.lease if job is not None else 0
        yield from _in_turn(key, sorted(handed, key=lambda lease: lease.number), newest, promises)


def _in_turn(key: int, handed: list[Lease], newest: int, promises: Promises) -> Iterator[str]:
    """A lease begins after the one before has ended, or was given back. Some may never have been told of."""
    if handed[-1].number > newest:
        yield f"job {key} was handed out under lease {handed[-1].number}, the database knows {newest}"
    for before, after in pairwise(handed):
        if before.number == after.number:
            yield f"job {key} was handed out twice under lease {before.number}"
        elif after.since < before.until and (key, before.number) not in promises.failing:
            yield (
                f"job {key} was handed out under lease {after.number} "
                f"{before.until - after.since} ms before lease {before.number} had ended"
            )
