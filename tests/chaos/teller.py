"""Calls with a journal: said before, and once acknowledged said after."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, TypeVar

from procession import (
    AlreadyExists,
    DeadlineExceeded,
    Job,
    NotFound,
    NotReady,
    Procession,
    ResourceExhausted,
    StorageError,
    WrongState,
)

from .journal import Journal
from .story import BEGIN, VOYAGE, Beginning

LIFE = timedelta(days=30)
"""Of messages: none expires during a run, so each must be found at its end."""
LEASE = timedelta(seconds=2)
AGAIN_SECONDS = 0.1

T = TypeVar("T")


def is_remote(url: str) -> bool:
    return url.startswith("grpc:")


def faults_of(url: str) -> tuple[type[Exception], ...]:
    """What a caller has to put up with: a server may be away, a file may not."""
    if is_remote(url):
        return (NotReady, DeadlineExceeded, ResourceExhausted)
    return () if url.startswith("sqlite:") else (StorageError,)


async def insist(faults: tuple[type[Exception], ...], call: Callable[[], Awaitable[T]]) -> T:
    """Call until the answer is not one of the faults. What failed may or may not have happened."""
    while True:
        try:
            return await call()
        except faults as fault:
            print(f"{time.time():.3f} tried again: {fault}", file=sys.stderr, flush=True)
            await asyncio.sleep(AGAIN_SECONDS)


class Teller:
    """An app, and the journal of what was asked of it and answered."""

    def __init__(self, app: Procession, journal: Journal) -> None:
        self.app = app
        self.journal = journal
        self.is_remote = is_remote(app.url)
        self.faults = faults_of(app.url)

    async def publish(
        self, name: str, ref: str, message_id: str, variables: dict[str, Any] | None = None
    ) -> None:
        self.journal.write("publish?", name=name, ref=ref, id=message_id)

        async def once() -> int | None:
            try:
                return await self.app.publish(
                    name, correlation_key=ref, variables=variables, ttl=LIFE, message_id=message_id
                )
            except AlreadyExists:
                return None

        key = await insist(self.faults, once)
        self.journal.write("published", name=name, ref=ref, id=message_id, key=key, at=_now())

    async def broadcast(self, name: str) -> None:
        """At least once: nothing protects a signal against being sent again."""
        self.journal.write("broadcast?", name=name)
        await insist(self.faults, lambda: self.app.broadcast(name))

    async def start(self, ref: str, facts: dict[str, int], beginning: Beginning) -> bool:
        """Whether it is known to have happened. A start over gRPC is not repeated, for it has no key."""
        sure = beginning.by_message or not self.is_remote
        self.journal.write("start?", ref=ref, facts=facts, elements=beginning.elements, sure=sure)
        variables = {"ref": ref, **facts}
        key: int | None = None
        if beginning.by_message:
            await self.publish(BEGIN, ref, f"{BEGIN}-{ref}", variables)
        elif self.is_remote:
            try:
                started = await self.app.start(VOYAGE, variables, start_at=beginning.start_at)
            except self.faults as fault:
                print(f"{time.time():.3f} nobody knows about {ref}: {fault}", file=sys.stderr, flush=True)
                return False
            key = started.key
        else:
            key = await self._start_once(ref, variables, beginning.start_at)
        self.journal.write("started", ref=ref, key=key)
        return True

    async def _start_once(self, ref: str, variables: dict[str, Any], start_at: tuple[str, ...]) -> int:
        instance = await insist(
            self.faults,
            lambda: self.app.start(
                VOYAGE, variables, business_key=ref, idempotency_key=ref, start_at=start_at
            ),
        )
        return instance.key

    def handed(self, job: Job) -> None:
        """The lease as the server gave it, in its own times."""
        until = round(job.deadline.timestamp() * 1000)
        since = until - round(LEASE.total_seconds() * 1000)
        self.journal.write("handed", job=job.key, lease=self._lease(job), since=since, until=until)

    def failing(self, job: Job) -> None:
        """From now on the lease may end before its time."""
        self.journal.write("failing", job=job.key, lease=self._lease(job))

    async def complete(self, job: Job) -> None:
        self.journal.write("complete?", job=job.key)
        try:
            await insist(self.faults, lambda: job.complete({}))
        except (WrongState, NotFound) as refusal:
            self.journal.write("refused", job=job.key, why=str(refusal))
        else:
            self.journal.write("completed", job=job.key, lease=self._lease(job))

    def _lease(self, job: Job) -> int | None:
        """Over gRPC leases have no numbers that anybody but this process knows."""
        return None if self.is_remote else job.lease


def _now() -> int:
    """Epoch milliseconds, rounded up: what is said to have happened has."""
    return time.time_ns() // 1_000_000 + 1
