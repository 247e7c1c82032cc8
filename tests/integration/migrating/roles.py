"""What the processes do that get killed: `python -m tests.integration.migrating.roles ROLE DATABASE ...`."""

from __future__ import annotations

import asyncio
import os
import random
import sys
from collections.abc import Awaitable, Callable
from datetime import timedelta

import msgspec

from procession import Job, Procession, ProcessionError
from procession.storage.searches import InstanceStatus
from tests.integration.migrating.models import ID, MAPPING, NEW_STEPS, OLD_STEPS, job_type

LEASE = timedelta(seconds=2)
BACKOFF = timedelta(milliseconds=200)


class Entry(msgspec.Struct, frozen=True):
    """A line of a worker's journal."""

    what: str
    """`began`, or `done` once the completion was acknowledged."""
    instance: int
    step: str
    version: int
    """Of the worker's code."""
    job: int
    lease: int


def read(journal: str) -> list[Entry]:
    """All lines of a journal but one that was cut by a kill."""
    if not os.path.exists(journal):
        return []
    with open(journal, "rb") as file:
        return [msgspec.json.decode(text, type=Entry) for text in file if text.endswith(b"\n")]


async def work(url: str, journal: str, version: str) -> None:
    """A node with workers for the steps of one version."""
    file = os.open(journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    app = Procession(url, grace=timedelta(seconds=5))

    def write(what: str, job: Job, step: str) -> None:
        entry = Entry(what, job.instance_key, step, int(version), job.key, job.lease)
        os.write(file, msgspec.json.encode(entry) + b"\n")

    def handle(step: str) -> None:
        @app.task(job_type(int(version), step), timeout=LEASE, concurrency=1, backoff=BACKOFF)
        async def run(job: Job) -> None:
            write("began", job, step)
            await asyncio.sleep(random.uniform(0, 0.1))
            if random.random() < 0.3:
                raise RuntimeError("try again")
            await job.complete({step: int(version)})
            write("done", job, step)

    for step in OLD_STEPS if version == "1" else NEW_STEPS:
        handle(step)
    async with app:
        print("ready", flush=True)
        await _until_closed()


async def migrate(url: str, chance: str) -> None:
    """Move some of the instances that run on version 1, again and again."""
    async with Procession(url, serve=False) as app:
        print("ready", flush=True)
        closed = asyncio.create_task(_until_closed())
        while not closed.done():
            found = await app.instances(process_id=ID, state=InstanceStatus.ACTIVE, limit=1000)
            old = [one.key for one in found if one.version == 1 and random.random() < float(chance)]
            await asyncio.gather(*(_move(app, key) for key in old))
            await asyncio.sleep(0.05)


async def _move(app: Procession, key: int) -> None:
    try:
        await app.migrate(key, MAPPING, version=2, retype_jobs=True)
    except ProcessionError:
        return  # a worker is at it, or it has ended: another time, or never


async def _until_closed() -> None:
    closed = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin, closed.set)
    await closed.wait()


_ROLES: dict[str, Callable[..., Awaitable[None]]] = {role.__name__: role for role in (work, migrate)}


if __name__ == "__main__":
    asyncio.run(_ROLES[sys.argv[1]](*sys.argv[2:]))  # type: ignore[arg-type]
