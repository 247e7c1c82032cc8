"""A job is with one worker at a time, and only the newest lease may complete it.

Over gRPC leases have no numbers, as with Zeebe: an answer that was on its way when its lease ended may meet
the next one. What holds there is that a job completes once, and is handed out again only when the lease has
ended or some worker said that the job failed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

from .history import History, Job, JobEnd
from .promises import Lease, Promises


def leases(history: History, promises: Promises) -> Iterator[str]:
    """Complaints about completions and leases, none if every worker was told the truth."""
    yield from _completions(history, promises)
    for key, handed in promises.handed.items():
        job = history.jobs.get(key)
        if handed[0].number is None:
            yield from _one_by_one(key, sorted(handed, key=lambda lease: lease.since), job, promises)
        else:
            newest = job.lease if job is not None else 0
            yield from _in_turn(key, sorted(handed, key=lambda lease: lease.number or 0), newest, promises)


def _completions(history: History, promises: Promises) -> Iterator[str]:
    for key, lease in promises.completed:
        job = history.jobs.get(key)
        if job is None or job.state != JobEnd.COMPLETED:
            yield f"completion of job {key} was acknowledged, but it is {job}"
        elif lease is not None and job.lease != lease:
            yield f"completion of job {key} was accepted under lease {lease}, the newest is {job.lease}"
    for key, times in Counter(key for key, lease in promises.completed if lease is None).items():
        if times > 1:
            yield f"completion of job {key} was accepted {times} times"


def _one_by_one(key: int, handed: list[Lease], job: Job | None, promises: Promises) -> Iterator[str]:
    known = job.lease if job is not None else 0
    if len(handed) > known:
        yield f"job {key} was handed out {len(handed)} times, the database knows {known}"
    if (key, None) in promises.failing:
        return
    for before, after in pairwise(handed):
        if after.since < before.until:
            yield f"job {key} was handed out {before.until - after.since} ms before its lease had ended"


def _in_turn(key: int, handed: list[Lease], newest: int, promises: Promises) -> Iterator[str]:
    """A lease begins after the one before has ended, or was given back. Some may never have been told of."""
    if (handed[-1].number or 0) > newest:
        yield f"job {key} was handed out under lease {handed[-1].number}, the database knows {newest}"
    for before, after in pairwise(handed):
        if before.number == after.number:
            yield f"job {key} was handed out twice under lease {before.number}"
        elif after.since < before.until and (key, before.number) not in promises.failing:
            yield (
                f"job {key} was handed out under lease {after.number} "
                f"{before.until - after.since} ms before lease {before.number} had ended"
            )
