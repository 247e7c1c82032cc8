"""The processes that get killed: `python -m tests.chaos.roles ROLE NAME URL FOLDER SEED INSTANCES`.

Each ends by itself when its standard input closes, so none outlives the test.
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from procession import AlreadyExists, BpmnError, Job, NotFound, Procession, StorageError, WrongState

from .journal import Journal

STORY = Path(__file__).with_name("story.bpmn")
LIFE = timedelta(days=30)
"""Of messages: none expires during a run, so each must be found at its end."""
LEASE = timedelta(seconds=2)
BACKOFF = timedelta(milliseconds=50)
IN_FLIGHT = 10
GATE_SECONDS = 0.02
AGAIN_SECONDS = 0.1

T = TypeVar("T")


def faults_of(url: str) -> tuple[type[Exception], ...]:
    """What a caller has to put up with: a server may be away, a file may not."""
    return () if url.startswith("sqlite:") else (StorageError,)


async def insist(faults: tuple[type[Exception], ...], call: Callable[[], Awaitable[T]]) -> T:
    """Call until the answer is not one of the faults. What failed may or may not have happened."""
    while True:
        try:
            return await call()
        except faults as fault:
            print(f"{time.time():.3f} tried again: {fault}", file=sys.stderr, flush=True)
            await asyncio.sleep(AGAIN_SECONDS)


def facts_of(ref: str, seed: int) -> dict[str, int]:
    """The variables an instance starts with: the same on every try."""
    chance = random.Random(f"{seed} {ref}")
    return {
        "route": chance.randrange(3),
        "fault": chance.randrange(4),
        "a": chance.randrange(2),
        "b": chance.randrange(2),
    }


def messages_of(ref: str, seed: int) -> list[tuple[str, str]]:
    """(name, message id) of what is published for an instance, in order."""
    chance = random.Random(f"{seed} {ref} messages")
    likely = {"paid": 0.8, "nudge": 0.6, "signal": 0.6, "recall": 0.3}
    messages = [(name, f"{name}-{ref}") for name, part in likely.items() if chance.random() < part]
    messages += [("nudge", f"nudge-again-{ref}")] if chance.random() < 0.4 else []
    chance.shuffle(messages)
    return messages


# --- journaled calls: said before, and once acknowledged said after ---------------------------------


class Teller:
    """An app, and the journal of what was asked of it and answered."""

    def __init__(self, app: Procession, journal: Journal) -> None:
        self.app = app
        self.journal = journal
        self.faults = faults_of(app.url)

    async def publish(self, name: str, ref: str, message_id: str) -> None:
        self.journal.write("publish?", name=name, ref=ref, id=message_id)
        variables = {"nudge_id": message_id} if name == "nudge" else None

        async def once() -> int | None:
            try:
                return await self.app.publish(
                    name, correlation_key=ref, variables=variables, ttl=LIFE, message_id=message_id
                )
            except AlreadyExists:
                return None

        key = await insist(self.faults, once)
        self.journal.write("published", name=name, ref=ref, id=message_id, key=key, at=_now())

    async def start(self, ref: str, facts: dict[str, int]) -> None:
        self.journal.write("start?", ref=ref, facts=facts)
        variables = {"ref": ref, **facts}
        instance = await insist(
            self.faults,
            lambda: self.app.start("voyage", variables, business_key=ref, idempotency_key=ref),
        )
        self.journal.write("started", ref=ref, key=instance.key)

    def handed(self, job: Job) -> None:
        """The lease as the server gave it, in its own times."""
        until = round(job.deadline.timestamp() * 1000)
        since = until - round(LEASE.total_seconds() * 1000)
        self.journal.write("handed", job=job.key, lease=job.lease, since=since, until=until)

    def failing(self, job: Job) -> None:
        """From now on the lease may end before its time."""
        self.journal.write("failing", job=job.key, lease=job.lease)

    async def complete(self, job: Job) -> None:
        self.journal.write("complete?", job=job.key)
        try:
            await insist(self.faults, lambda: job.complete({}))
        except (WrongState, NotFound) as refusal:
            self.journal.write("refused", job=job.key, why=str(refusal))
        else:
            self.journal.write("completed", job=job.key, lease=job.lease)


def _now() -> int:
    """Epoch milliseconds, rounded up: what is said to have happened has."""
    return time.time_ns() // 1_000_000 + 1


# --- roles ------------------------------------------------------------------------------------------


@asynccontextmanager
async def working(app: Procession) -> AsyncIterator[None]:
    """Work until standard input closes; begin when the database lets us."""
    app.deploy(STORY)
    async with closing():
        await insist(faults_of(app.url), app.__aenter__)
        try:
            yield
        finally:
            await app.__aexit__(None, None, None)


async def node(url: str) -> None:
    """Executes, fires timers, takes over; runs no handlers."""
    async with working(Procession(url)):
        await asyncio.Event().wait()


async def worker(url: str, journal: Journal, seed: str) -> None:
    """Handles every type of job, some slowly, some only at the second try."""
    app = Procession(url, grace=timedelta(seconds=1))
    chance = random.Random(f"{seed} {len(journal.before)}")
    _register(Teller(app, journal), chance)
    async with working(app):
        await asyncio.Event().wait()


def _register(teller: Teller, chance: random.Random) -> None:
    async def asynchronous(job: Job, route: int | None) -> None:
        teller.handed(job)
        slow = (job.element_id == "Work" and route == 2) or chance.random() < 0.05
        await asyncio.sleep(0.25 if slow else chance.random() * 0.02)
        await teller.complete(job)

    def synchronous(job: Job) -> dict[str, str]:
        teller.handed(job)
        if job.attempt == 1 and job.key % 10 == 0:
            teller.failing(job)
            raise RuntimeError("the first try of every tenth job fails")
        return {}

    async def faulty(job: Job, fault: int) -> None:
        teller.handed(job)
        if fault == 1:
            teller.failing(job)
            raise BpmnError("broken")
        await teller.complete(job)

    async def hello(job: Job, ref: str) -> None:
        teller.handed(job)
        await teller.publish("hello", ref, f"hello-{ref}")
        await teller.complete(job)

    handlers: dict[str, Callable[..., Any]] = {
        "chaos_async": asynchronous,
        "io.camunda.zeebe:userTask": asynchronous,
        "chaos_sync": synchronous,
        "chaos_fault": faulty,
        "chaos_hello": hello,
    }
    for type_, handler in handlers.items():
        teller.app.task(type_, timeout=LEASE, backoff=BACKOFF, retries=5)(handler)


def _opened(numbers: range, gate: Path) -> range:
    """Those of the numbers that may be started."""
    end = min(int(gate.read_text()), numbers.stop)
    return range(numbers.start, max(end, numbers.start), numbers.step)


async def client(url: str, journal: Journal, seed: int, numbers: range, gate: Path, *, serve: bool) -> None:
    """Starts its instances and publishes their messages, as far as the gate is open."""
    known = {entry["ref"] for entry in journal.before if entry["kind"] == "started"}
    sent = {entry["id"] for entry in journal.before if entry["kind"] == "published"}
    teller = Teller(Procession(url, serve=serve), journal)
    slots = asyncio.Semaphore(IN_FLIGHT)

    async def accompany(ref: str) -> None:
        async with slots:
            if ref not in known:
                await teller.start(ref, facts_of(ref, seed))
            for message, message_id in messages_of(ref, seed):
                if message_id not in sent:
                    await teller.publish(message, ref, message_id)

    async with working(teller.app):
        while numbers:
            now = _opened(numbers, gate)
            await asyncio.gather(*(accompany(f"i-{number}") for number in now))
            numbers = numbers[len(now) :]
            await asyncio.sleep(GATE_SECONDS)


@asynccontextmanager
async def closing() -> AsyncIterator[None]:
    """Cancel what runs inside when standard input closes."""
    inside = asyncio.current_task()
    over = False

    def closed() -> None:
        nonlocal over
        over = True
        loop.remove_reader(sys.stdin)
        if inside is not None:
            inside.cancel()

    loop = asyncio.get_running_loop()
    loop.add_reader(sys.stdin, closed)
    try:
        yield
    except asyncio.CancelledError:
        if not over:
            raise
    finally:
        loop.remove_reader(sys.stdin)


def main() -> None:
    role, name, url, folder, seed, instances = sys.argv[1:]
    place = Path(folder)
    if role == "node":
        asyncio.run(node(url))
        return
    journal = Journal(place / f"{name}.jsonl")
    if role == "worker":
        asyncio.run(worker(url, journal, f"{seed} {name}"))
        return
    serve = role == "client"
    numbers = range(0 if serve else 1, int(instances), 2)
    asyncio.run(client(url, journal, int(seed), numbers, place / "gate", serve=serve))


if __name__ == "__main__":
    main()
