"""Restarting and abandoning processes, and running one by hand."""

from __future__ import annotations

import asyncio
import getpass
import socket
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from procession.broker import ActivatedJob, LostLease
from procession.client.values import encode_variables, milliseconds
from procession.client.worker import Worker, worker_name
from procession.engine import commands as c
from procession.engine.records import JOB_ACTIVATED, Job
from procession.errors import NotFound, WrongState
from procession.process.bulk import Bulk, each
from procession.process.compiling import TURN
from procession.process.info import Aborted
from procession.process.looking import Looker
from procession.process.policy import RetryPolicy
from procession.process.status import ABANDONABLE, RESTARTABLE, Status
from procession.storage.searches.steps import InstanceFacts, leased_job

if TYPE_CHECKING:
    from procession.client.app import Procession

ANSWER_SECONDS = 0.01
"""Between two looks whether an answer that is on its way is stored."""
_READ = ("meta", "processable", "channel", "status")


class Repairs:
    """What people do to a process, on an app that runs."""

    def __init__(
        self, app: Procession, looker: Callable[[], Looker], policy: Callable[[InstanceFacts], RetryPolicy]
    ) -> None:
        self._app = app
        self._looker = looker
        self._policy = policy

    async def restart(self, key: int) -> None:
        """Let a process go on at the step where it is held or waits for its next try.

        Raises:
            NotFound: there is none.
            WrongState: there is nothing to restart.
        """
        await self._restart(await self._find(key))

    async def restart_all(self, keys: Iterable[int]) -> Bulk:
        """Restart many; those that are refused stop no other."""
        return await each(self._looker(), keys, self._restart)

    async def _restart(self, facts: InstanceFacts) -> None:
        key, status = facts.info.key, self._status(facts)
        if status not in RESTARTABLE or facts.info.ended_at is not None:
            raise WrongState(f"process {key} is {status}: there is nothing to restart", key=key)
        if facts.incident is not None:
            retries = self._policy(facts).attempts if facts.incident.job_key is not None else None
            await self._app.resolve_incident(facts.incident.key, retries)
        elif facts.job is not None and facts.job.state != JOB_ACTIVATED:
            lease = await self._lease(facts.job.key, worker_name(), timedelta(minutes=1))
            await self._app._send(c.ReleaseJob(facts.job.key, lease))

    async def abandon(self, key: int, aborted: Aborted) -> None:
        """End a process for good: ABORTED.

        Raises:
            NotFound: there is none.
            WrongState: it has ended, or a worker is at it.
        """
        await self._abandon(await self._find(key), aborted)

    async def abandon_all(self, keys: Iterable[int], aborted: Aborted) -> Bulk:
        """Abandon many; those that are refused stop no other."""
        return await each(self._looker(), keys, lambda facts: self._abandon(facts, aborted))

    async def _abandon(self, facts: InstanceFacts, aborted: Aborted) -> None:
        key, job, status = facts.info.key, facts.job, self._status(facts)
        is_held = job is not None and job.state == JOB_ACTIVATED and (job.due or 0) > facts.now
        if facts.info.ended_at is not None or is_held or status not in (*ABANDONABLE, Status.IN_PROGRESS):
            why = f"worker {job.worker} is at it" if is_held and job is not None else f"it is {status}"
            raise WrongState(f"process {key} cannot be abandoned: {why}", key=key)
        texts, size = encode_variables({"aborted": aborted, "status": Status.ABORTED})
        await self._app._send(c.AbandonInstance(key, texts), size)

    async def work(self, key: int, may_begin: Callable[[], bool], over: Callable[[], bool]) -> Status:
        """Run one process now, step after step, until it ends, is held, or fails; answers its status.

        A process that is held, or waits for its next try, is restarted first.
        """
        facts = await self._find(key)
        if facts.incident is not None:
            await self._restart(facts)
            facts = await self._find(key)
        while facts.job is not None and facts.element_id != TURN and may_begin() and not over():
            await self._run(facts.job, LostLease.of(facts.job, facts.now))
            facts = await self._find(key)
            if self._status(facts) in RESTARTABLE:
                break
        return self._status(facts)

    async def _run(self, job: Job, lost: LostLease | None) -> None:
        job_key, job_type = job.key, job.type
        task = self._app._tasks.get(job_type)
        if task is None:
            raise NotFound(
                f"nothing handles {job_type!r} here: register the class of that version", key=job_key
            )
        worker = Worker(self._app, task, self._app.worker_name or worker_name())
        await worker.pause()  # it gets this one job, and asks for no other
        worker.open()
        try:
            lease = await self._lease(job_key, worker_name(), task.timeout)
            worker.take(await self._activated(job_key, lost))
            await worker.idle()
            while await self._is_leased(job_key, lease):  # noqa: ASYNC110  # only the database tells
                await asyncio.sleep(ANSWER_SECONDS)
        finally:
            await worker.close(self._app.grace.total_seconds())

    async def _lease(self, job_key: int, worker: str, timeout: timedelta) -> int:
        lease: int = await self._app._send(c.LeaseJob(job_key, worker, milliseconds(timeout)))
        return lease

    async def _activated(self, job_key: int, lost: LostLease | None) -> ActivatedJob:
        engine = self._app._backend.reader("running one process")
        job, info, variables = await asyncio.to_thread(leased_job, engine, job_key, _READ)
        values = {one.name: one.value for one in variables}
        return ActivatedJob(job, info.version, info.business_key, {}, values, lost)

    async def _is_leased(self, job_key: int, lease: int) -> bool:
        engine = self._app._backend.reader("running one process")
        job, _, _ = await asyncio.to_thread(leased_job, engine, job_key, ())
        return job.state == JOB_ACTIVATED and job.lease == lease

    async def _find(self, key: int) -> InstanceFacts:
        return await asyncio.to_thread(self._looker().facts, key)

    def _status(self, facts: InstanceFacts) -> Status:
        return self._looker().status(facts)


def aborting(reason: str, by: str | None, origin: str | None, moment: datetime) -> Aborted:
    """What is kept of an abandonment; by whom and from where is found out if it is not said."""
    return Aborted(by=by or _user(), at=moment, origin=origin or socket.gethostname(), reason=reason)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
