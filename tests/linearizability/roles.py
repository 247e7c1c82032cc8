"""The clients: `python -m tests.linearizability.roles DATABASE JOURNAL NAME SEED`.

Each is a node, publishes messages, starts instances that wait for one, and leases, extends, fails,
gives back and completes jobs, also under leases it has lost. It writes down each call before it makes
it and each answer when it has it; it ends when its standard input closes.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import random
import sys
import time
from datetime import timedelta
from typing import Any

from procession import AlreadyExists, NotFound, Procession, StorageError, WrongState
from procession.broker import ActivatedJob, JobStream
from procession.engine import commands as c

from .leases import OK, REFUSED
from .messages import EXISTS
from .world import JOBS, KEYS, MESSAGE, PROCESS, job_type

PAUSE = 0.02
"""Mean seconds between the calls of one task."""
PUBLISHERS = 3
TTLS = (0, 300, 3_600_000, 3_600_000)
DROPPED = "nothing of this was committed"


class Journal:
    """Calls and answers, a line of JSON each, in the order in which they happened here."""

    def __init__(self, path: str, name: str) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._name = name
        self._numbers = itertools.count()

    def call(self, kind: str, subject: str, **given: Any) -> str:
        """Answers the name of the call."""
        name = f"{self._name}/{next(self._numbers)}"
        self._write(call=name, kind=kind, subject=subject, **given)
        return name

    def answer(self, name: str, output: Any) -> None:
        self._write(answer=name, output=output)

    def dropped(self, name: str) -> None:
        """It was told that nothing of this happened."""
        self._write(dropped=name)

    def _write(self, **line: Any) -> None:
        stamped = {**line, "at": time.monotonic(), "ms": time.time_ns() // 1_000_000}
        os.write(self._file, f"{json.dumps(stamped)}\n".encode())


class Client:
    def __init__(self, app: Procession, journal: Journal, name: str, seed: int) -> None:
        self.app = app
        self.journal = journal
        self.name = name
        self.dice = random.Random(f"{seed}/{name}")
        self.results: set[asyncio.Task[None]] = set()

    async def pause(self) -> None:
        await asyncio.sleep(self.dice.expovariate(1 / PAUSE))

    async def ask(self, call: str, awaitable: Any, answer: Any = lambda told: OK) -> Any:
        """Await it, and write down what came of it; None if it is not known."""
        try:
            told = await awaitable
            output = answer(told)
        except AlreadyExists:
            output = EXISTS
        except (WrongState, NotFound):
            output = REFUSED
        except StorageError as error:
            if DROPPED in str(error):
                self.journal.dropped(call)
            return None
        self.journal.answer(call, output)
        return told if output not in (EXISTS, REFUSED) else None

    # --- messages -------------------------------------------------------------------------------

    async def messages(self, number: int) -> None:
        for count in itertools.count():
            await self.pause()
            key = self.dice.choice(KEYS)
            name = f"{self.name}/{number}/{count}"
            await (self.publish(key, name, count) if self.dice.random() < 0.5 else self.start(key, name))

    async def publish(self, key: str, marker: str, count: int) -> None:
        # Clients use the same ids at about the same time.
        ttl, message_id = self.dice.choice(TTLS), self.dice.choice((None, f"id-{count // 20}"))
        call = self.journal.call("publish", key, marker=marker, message_id=message_id, ttl=ttl)
        publication = self.app.publish(
            MESSAGE,
            correlation_key=key,
            variables={"marker": marker},
            ttl=timedelta(milliseconds=ttl),
            message_id=message_id,
        )
        await self.ask(call, publication)

    async def start(self, key: str, name: str) -> None:
        call = self.journal.call("start", key, name=name)
        starting = self.app.start(PROCESS, {"ref": key}, business_key=name)
        instance = await self.ask(call, starting, lambda told: told.key)
        if instance is not None:
            task = asyncio.create_task(self.result(key, name, instance))
            self.results.add(task)
            task.add_done_callback(self.results.discard)

    async def result(self, key: str, name: str, instance: Any) -> None:
        call = self.journal.call("result", key, name=name)
        await self.ask(call, instance.result(), lambda told: told["marker"])

    # --- leases ---------------------------------------------------------------------------------

    async def leases(self, number: int) -> None:
        """Lease one job again and again, until it is done."""
        loop = asyncio.get_running_loop()
        subject = job_type(number)
        timeout = self.dice.randrange(60, 400)
        leased: asyncio.Queue[ActivatedJob] = asyncio.Queue()
        asked = ""

        def deliver(jobs: list[ActivatedJob]) -> None:
            [job] = jobs
            self.journal.answer(asked, [job.lease, job.deadline])
            loop.call_soon_threadsafe(leased.put_nowait, job)

        stream = JobStream(subject, self.name, timeout, (), deliver)
        self.app._backend.open_stream(stream)
        old: list[int] = []
        while True:
            await self.pause()
            asked = self.journal.call("activate", subject, timeout=timeout)
            self.app._backend.request(stream, 1)
            job = await leased.get()
            old.append(job.lease)
            for _ in range(self.dice.randrange(1, 4)):
                await asyncio.sleep(self.dice.choice((0, 0.01, timeout / 1000, timeout / 500)))
                await self.do_something(subject, job.key, self.dice.choice((job.lease, job.lease, *old)))

    async def do_something(self, subject: str, key: int, lease: int) -> None:
        kind = self.dice.choices(("complete", "fail", "extend", "release"), (1, 4, 4, 3))[0]
        timeout, retries = self.dice.choice((50, 200)), self.dice.choices((0, 3), (1, 30))[0]
        commands: dict[str, c.Command] = {
            "complete": c.CompleteJob(key, lease=lease),
            "fail": c.FailJob(key, retries, timeout, lease=lease),
            "extend": c.UpdateJob(key, timeout=timeout, lease=lease),
            "release": c.ReleaseJob(key, lease),
        }
        for _ in range(self.dice.choice((1, 1, 2))):  # an answer may be given twice
            call = self.journal.call(kind, subject, lease=lease, timeout=timeout, retries=retries)
            await self.ask(call, self.app._send(commands[kind]))


async def main(url: str, path: str, name: str, seed: str) -> None:
    closed = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin, closed.set)
    app = Procession(url, grace=timedelta(0))
    while True:
        try:
            await app.__aenter__()
            break
        except StorageError:
            await asyncio.sleep(0.1)  # the server is just away
    client = Client(app, Journal(path, name), name, int(seed))
    tasks = [asyncio.create_task(client.messages(number)) for number in range(PUBLISHERS)]
    tasks += [asyncio.create_task(client.leases(number)) for number in range(JOBS)]
    print("ready", flush=True)
    ended = asyncio.create_task(closed.wait())
    await asyncio.wait([ended, *tasks], return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        if task.done():
            task.result()  # it only ends by a fault
    tasks += client.results
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await app.__aexit__(None, None, None)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
