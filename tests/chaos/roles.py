"""The processes that get killed: `python -m tests.chaos.roles ROLE NAME URL FOLDER SEED INSTANCES`.

Each ends by itself when its standard input closes, so none outlives the test.
"""

from __future__ import annotations

import asyncio
import random
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from procession import BpmnError, Job, Procession

from .journal import Journal
from .story import STORY, again, beginning_of, facts_of, first_of, messages_of
from .teller import AGAIN_SECONDS, LEASE, Teller, faults_of, insist

BACKOFF = timedelta(milliseconds=50)
IN_FLIGHT = 10
GATE_SECONDS = 0.02


async def work(app: Procession, body: Callable[[], Awaitable[object]]) -> None:
    """Work until standard input closes, or `body` ends; begin when the database lets us."""
    app.deploy(STORY)
    async with closing():
        await insist(faults_of(app.url), app.__aenter__)
        try:
            await body()
        finally:
            await app.__aexit__(None, None, None)


async def node(url: str) -> None:
    """Executes, fires timers, takes over; runs no handlers."""
    await work(Procession(url), asyncio.Event().wait)


async def worker(url: str, journal: Journal, seed: str) -> None:
    """Handles every type of job, some slowly, some only at the second try."""
    app = Procession(url, grace=timedelta(seconds=1))
    chance = random.Random(f"{seed} {len(journal.before)}")
    _register(Teller(app, journal), chance)
    await work(app, asyncio.Event().wait)


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

    async def ring(job: Job, ref: str) -> None:
        teller.handed(job)
        await teller.broadcast(f"horn-{ref}")
        await teller.complete(job)

    handlers: dict[str, Callable[..., Any]] = {
        "chaos_async": asynchronous,
        "io.camunda.zeebe:userTask": asynchronous,
        "chaos_sync": synchronous,
        "chaos_fault": faulty,
        "chaos_hello": hello,
        "chaos_ring": ring,
    }
    for type_, handler in handlers.items():
        teller.app.task(type_, timeout=LEASE, backoff=BACKOFF, retries=5)(handler)


def _opened(numbers: range, gate: Path) -> range:
    """Those of the numbers that may be started."""
    end = min(int(gate.read_text()), numbers.stop)
    return range(numbers.start, max(end, numbers.start), numbers.step)


async def client(url: str, journal: Journal, seed: int, numbers: range, gate: Path, *, serve: bool) -> None:
    """Starts its instances and publishes their messages, as far as the gate is open."""
    known = {first_of(e["ref"]): e["ref"] for e in journal.before if e["kind"] == "started"}
    tries = Counter(first_of(e["ref"]) for e in journal.before if e["kind"] == "start?" and not e["sure"])
    sent = {e["id"] for e in journal.before if e["kind"] == "published"}
    teller = Teller(Procession(url, serve=serve), journal)
    slots = asyncio.Semaphore(IN_FLIGHT)

    async def start(first: str) -> str:
        """Answers the reference of the try that is known to have succeeded."""
        while True:
            ref = again(first, tries[first])
            if await teller.start(ref, facts_of(ref, seed), beginning_of(ref, seed)):
                return ref
            tries[first] += 1
            await asyncio.sleep(AGAIN_SECONDS)

    async def accompany(first: str) -> None:
        async with slots:
            ref = known.get(first) or await start(first)
            for message, message_id in messages_of(ref, seed):
                if message_id not in sent:
                    variables = {"nudge_id": message_id} if message == "nudge" else None
                    await teller.publish(message, ref, message_id, variables)

    async def accompany_all() -> None:
        left = numbers
        while left:
            now = _opened(left, gate)
            await asyncio.gather(*(accompany(f"i-{number}") for number in now))
            left = left[len(now) :]
            await asyncio.sleep(GATE_SECONDS)

    await work(teller.app, accompany_all)


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
