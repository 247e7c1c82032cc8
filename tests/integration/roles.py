"""What the other processes do: `python -m tests.integration.roles ROLE DATABASE ...`.

A role prints a line when it is ready, and ends when its standard input closes or its work is done.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta

from procession import Job, NotReady, Procession
from procession.broker import agenda as broker_agenda
from procession.storage import open_storage

from .models import ALL

NEVER = 3600.0
SHORT = timedelta(seconds=1)


def _say(text: str) -> None:
    print(text, flush=True)


async def _until_closed() -> None:
    closed = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(sys.stdin, closed.set)
    await closed.wait()
    loop.remove_reader(sys.stdin)


def _with_worker(url: str) -> Procession:
    app = Procession(url)

    @app.task("work")
    async def work() -> None:
        return None

    return app


async def worker(url: str) -> None:
    """A node with a worker."""
    async with _with_worker(url):
        _say("ready")
        await _until_closed()


async def worker_without_checks(url: str) -> None:
    """As `worker`, but only datagrams can wake it: the check each second is off."""
    broker_agenda.IDLE_SECONDS = NEVER
    await worker(url)


async def short_leases(url: str) -> None:
    """As `worker`, with leases of a second."""
    app = Procession(url)

    @app.task("work", timeout=SHORT, concurrency=50)
    async def work() -> None:
        await asyncio.sleep(0.05)

    async with app:
        _say("ready")
        await _until_closed()


async def never_done(url: str) -> None:
    """A worker that takes a job and never answers."""
    app = Procession(url)

    @app.task("work", timeout=SHORT)
    async def work() -> None:
        _say("leased")
        await asyncio.sleep(NEVER)

    async with app:
        _say("ready")
        await _until_closed()


async def idle(url: str) -> None:
    """A node with a worker, a timer far away and an instance that waits."""
    async with _with_worker(url) as app:
        await app.deploy_files(ALL)
        await app.start("waits_an_hour")
        await app.start("waits", {"ref": "nobody"})
        _say("ready")
        await _until_closed()


async def saturate(url: str) -> None:
    """Keep the database as busy as one process can."""
    async with _with_worker(url) as app:
        await app.deploy_files(ALL)
        _say("ready")
        closed = asyncio.create_task(_until_closed())
        while not closed.done():
            await asyncio.gather(*(app.start("one_job", {"text": "x" * 500}) for _ in range(200)))


async def create(url: str, number: str) -> None:
    """Open what may be a new database, at the same moment as others, and use it."""
    _say("ready")
    sys.stdin.readline()
    async with Procession(url) as app:
        await app.deploy_files(ALL)
        for count in range(5):
            await app.start("no_wait", idempotency_key=f"{number}-{count}")
    _say("done")


async def fork(url: str) -> None:
    """Use the app in a fork of its process, then go on in the parent."""
    async with Procession(url) as app:
        await app.deploy_files(ALL)
        child = os.fork()
        if child == 0:
            for use in (lambda: app.start("no_wait"), app.instances, app.status):
                try:
                    await use()
                except NotReady as error:
                    _say(f"child: {error}")
            os._exit(0)
        await asyncio.to_thread(os.waitpid, child, 0)
        instance = await app.start("no_wait")
        await instance.result()
        _say("parent: goes on")


async def fork_sync(url: str) -> None:
    """The same with the sync facade."""
    await asyncio.to_thread(_fork_sync, url)


def _fork_sync(url: str) -> None:
    with Procession(url).sync() as app:
        app.deploy_files(ALL)
        child = os.fork()
        if child == 0:
            for use in (lambda: app.start("no_wait"), app.instances, app.status):
                try:
                    use()
                except NotReady as error:
                    _say(f"child: {error}")
            os._exit(0)
        os.waitpid(child, 0)
        app.start("no_wait").result()
        _say("parent: goes on")


async def hold_and_fork(url: str) -> None:
    """Fork in the middle of a transaction; the child waits, the parent ends without a word."""
    storage = open_storage(url)
    with storage.transaction():
        if os.fork() == 0:
            _say("ready")
            sys.stdin.readline()
            os._exit(0)
        await asyncio.to_thread(sys.stdin.readline)


async def load(url: str, journal: str, count: str) -> None:
    """Start instances and complete their jobs; write a line for each acknowledgement."""
    file = os.open(journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    app = Procession(url)
    handled = asyncio.Semaphore(0)

    @app.task("work")
    async def work(job: Job, marker: str) -> None:
        await job.complete({"answer": f"completed-{marker}"})
        os.write(file, f"completed-{marker}\n".encode())
        handled.release()

    async def start(number: int) -> None:
        marker = f"m{number:05d}m"
        await app.start("one_job", {"marker": f"{marker}"}, business_key=f"started-{marker}")
        os.write(file, f"started-{marker}\n".encode())

    async with app:
        await app.deploy_files(ALL)
        for first in range(0, int(count), 20):
            await asyncio.gather(*(start(number) for number in range(first, first + 20)))
        for _ in range(int(count)):
            await handled.acquire()
    _say("done")


def _skew(seconds: str) -> None:
    """From now on this host's clock is wrong."""
    clock, shift = time.time_ns, int(seconds) * 1_000_000_000
    time.time_ns = lambda: clock() + shift
    time.time = lambda: (clock() + shift) / 1e9


async def skewed(url: str, seconds: str) -> None:
    """A worker on a host whose clock is wrong; each job fails once, then takes three times its lease."""
    _skew(seconds)
    app = Procession(url)

    @app.task("work", timeout=SHORT, concurrency=20, backoff=timedelta(seconds=2))
    async def work(job: Job) -> None:
        if job.retries == 3:
            raise RuntimeError("not yet")
        await asyncio.sleep(3 * SHORT.total_seconds())

    async with app:
        _say("ready")
        await _until_closed()


async def skewed_never_done(url: str, seconds: str) -> None:
    """As `never_done`, on a host whose clock is wrong."""
    _skew(seconds)
    await never_done(url)


_ROLES: dict[str, Callable[..., Awaitable[None]]] = {
    role.__name__: role
    for role in (
        worker,
        worker_without_checks,
        short_leases,
        never_done,
        idle,
        saturate,
        create,
        fork,
        fork_sync,
        hold_and_fork,
        load,
        skewed,
        skewed_never_done,
    )
}


if __name__ == "__main__":
    asyncio.run(_ROLES[sys.argv[1]](*sys.argv[2:]))  # type: ignore[arg-type]
