"""The processes that get killed: `python -m tests.chaos.roles ROLE FOLDER NAME ...`.

Each ends by itself when its standard input closes, so none outlives the test.
"""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from procession import AlreadyExists, BpmnError, Job, NotFound, Procession, WrongState

from .journal import Journal

STORY = Path(__file__).with_name("story.bpmn")
LIFE = timedelta(hours=1)
"""Of messages: none expires during a run, so each must be found at its end."""
LEASE = timedelta(seconds=1.5)
BACKOFF = timedelta(milliseconds=50)
IN_FLIGHT = 10
GATE_SECONDS = 0.02


def database(folder: Path) -> str:
    return f"sqlite:///{folder / 'chaos.db'}"


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


async def publish(app: Procession, journal: Journal, name: str, ref: str, message_id: str) -> None:
    journal.write("publish?", name=name, ref=ref, id=message_id)
    variables = {"nudge_id": message_id} if name == "nudge" else None
    try:
        key: int | None = await app.publish(
            name, correlation_key=ref, variables=variables, ttl=LIFE, message_id=message_id
        )
    except AlreadyExists:
        key = None
    journal.write("published", name=name, ref=ref, id=message_id, key=key)


async def start(app: Procession, journal: Journal, ref: str, facts: dict[str, int]) -> None:
    journal.write("start?", ref=ref, facts=facts)
    instance = await app.start("voyage", {"ref": ref, **facts}, business_key=ref, idempotency_key=ref)
    journal.write("started", ref=ref, key=instance.key)


async def complete(job: Job, journal: Journal) -> None:
    journal.write("complete?", job=job.key)
    try:
        await job.complete({})
    except (WrongState, NotFound) as refusal:
        journal.write("refused", job=job.key, why=str(refusal))
    else:
        journal.write("completed", job=job.key)


# --- roles ------------------------------------------------------------------------------------------


async def node(folder: Path, name: str, seed: int) -> None:
    """Executes, fires timers, takes over; runs no handlers."""
    app = Procession(database(folder))
    app.deploy(STORY)
    async with app, closing():
        await asyncio.Event().wait()


async def worker(folder: Path, name: str, seed: int) -> None:
    """Handles every type of job, some slowly, some only at the second try."""
    app = Procession(database(folder), grace=timedelta(seconds=1))
    app.deploy(STORY)
    journal = Journal(folder / f"{name}.jsonl")
    chance = random.Random(f"{seed} {name} {len(journal.before)}")
    _register(app, journal, chance)
    async with app, closing():
        await asyncio.Event().wait()


def _register(app: Procession, journal: Journal, chance: random.Random) -> None:
    async def asynchronous(job: Job, route: int | None) -> None:
        slow = (job.element_id == "Work" and route == 2) or chance.random() < 0.05
        await asyncio.sleep(0.25 if slow else chance.random() * 0.02)
        await complete(job, journal)

    def synchronous(job: Job) -> dict[str, str]:
        if job.attempt == 1 and job.key % 10 == 0:
            raise RuntimeError("the first try of every tenth job fails")
        return {}

    async def faulty(job: Job, fault: int) -> None:
        if fault == 1:
            raise BpmnError("broken")
        await complete(job, journal)

    async def hello(job: Job, ref: str) -> None:
        await publish(app, journal, "hello", ref, f"hello-{ref}")
        await complete(job, journal)

    handlers: dict[str, Callable[..., Any]] = {
        "chaos_async": asynchronous,
        "io.camunda.zeebe:userTask": asynchronous,
        "chaos_sync": synchronous,
        "chaos_fault": faulty,
        "chaos_hello": hello,
    }
    for type_, handler in handlers.items():
        app.task(type_, timeout=LEASE, backoff=BACKOFF, retries=5)(handler)


async def client(folder: Path, name: str, seed: int, refs: list[str], *, serve: bool) -> None:
    """Starts its instances and publishes their messages, as far as the gate is open."""
    journal = Journal(folder / f"{name}.jsonl")
    known = {entry["ref"] for entry in journal.before if entry["kind"] == "started"}
    sent = {entry["id"] for entry in journal.before if entry["kind"] == "published"}
    app = Procession(database(folder), serve=serve)
    app.deploy(STORY)
    slots = asyncio.Semaphore(IN_FLIGHT)

    async def accompany(ref: str) -> None:
        async with slots:
            if ref not in known:
                await start(app, journal, ref, facts_of(ref, seed))
            for message, message_id in messages_of(ref, seed):
                if message_id not in sent:
                    await publish(app, journal, message, ref, message_id)

    async with app, closing():
        begun = 0
        while begun < len(refs):
            gate = int((folder / "gate").read_text() or 0)
            opened = [ref for ref in refs[begun:] if int(ref.split("-")[1]) < gate]
            await asyncio.gather(*(accompany(ref) for ref in opened))
            begun += len(opened)
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
    role, folder, name, seed, *refs = sys.argv[1:]
    place = Path(folder)
    if role == "node":
        asyncio.run(node(place, name, int(seed)))
    elif role == "worker":
        asyncio.run(worker(place, name, int(seed)))
    else:
        asyncio.run(client(place, name, int(seed), refs, serve=role == "client"))


if __name__ == "__main__":
    main()
