"""The processes of a run: `python -m tests.fifo_channels.roles ROLE NAME URL FOLDER SEED PROCESSES SLOW`.

Each ends by itself when its standard input closes, so none outlives the test.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa

from procession import InvalidInput, Procession, ResourceExhausted, StorageError
from procession.process import ProcessManager
from procession.process.bulk import Bulk
from tests.chaos.journal import Journal
from tests.chaos.roles import closing
from tests.chaos.teller import insist

from .bookings import KINDS, LEASE, Watched, Witness, kind_of

FAULTS = (StorageError, ResourceExhausted, sa.exc.OperationalError)
"""What a caller has to put up with: on SQLite, who is stopped may hold the file; a server is restarted."""
LOOK_SECONDS = 0.03
GRACE = timedelta(seconds=20)
BURST = 5


def manager_on(app: Procession) -> ProcessManager:
    manager = ProcessManager(app, cool_down=None, lease=LEASE)
    manager.register(*KINDS)
    return manager


async def node(url: str, witness: Witness) -> None:
    """Runs steps, and gives turns where it gets the channel."""
    app = manager_on(Watched(url, witness, grace=GRACE)).app
    await insist(FAULTS, app.__aenter__)
    try:
        witness.journal.write("ready", pid=os.getpid())
        await asyncio.Event().wait()
    finally:
        await app.__aexit__(None, None, None)


class Operator:
    """Restarts and abandons what is held, at random; now and then also what is not."""

    def __init__(self, manager: ProcessManager, journal: Journal, engine: sa.Engine, seed: int) -> None:
        self._manager = manager
        self._journal = journal
        self._engine = engine
        self._chance = random.Random(f"{seed} operator")

    async def work(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            held, trying, behind = await insist(FAULTS, lambda: asyncio.to_thread(self._look))
            if held:
                await insist(FAULTS, lambda held=held, behind=behind: self._see_to(held, behind))  # type: ignore[misc]
            elif trying and self._chance.random() < 0.3:
                await insist(FAULTS, lambda trying=trying: self._see_to(trying, []))  # type: ignore[misc]

    def _look(self) -> tuple[list[int], list[int], list[int]]:
        """Instances that are held, that wait for their next try, and some that wait for their turn."""
        with self._engine.connect() as connection:
            held = connection.execute(sa.text("SELECT instance_key FROM incident WHERE ended_at IS NULL"))
            trying = connection.execute(
                sa.text(
                    "SELECT instance_key FROM job WHERE due IS NOT NULL AND failures > 0 AND state = 1 "
                    "AND element_id NOT IN ('turn', 'turns')"
                )
            )
            behind = connection.execute(
                sa.text("SELECT instance_key FROM job WHERE due IS NOT NULL AND element_id = 'turn' LIMIT 20")
            )
            return [list(rows.scalars()) for rows in (held, trying, behind)]  # type: ignore[return-value]

    async def _see_to(self, keys: list[int], behind: list[int]) -> None:
        drawn = self._chance.random()
        others = self._chance.sample(behind, min(len(behind), 2))
        if drawn < 0.45:
            await self._manager.restart_all(keys[:1])
        elif drawn < 0.65:
            await self._manager.restart_all(keys + others)
        elif drawn < 0.85:
            await self._abandon(keys[:1])
        else:
            await self._abandon(keys + others[:1])

    async def _abandon(self, keys: Sequence[int]) -> None:
        self._journal.write("abandoning", at=time.monotonic_ns(), keys=list(keys))
        bulk: Bulk = await self._manager.abandon_all(keys, "the test wants it")
        # What was not answered may have happened: asked again, it is refused.
        done = [*bulk.done, *(key for key, why in bulk.refused.items() if "it is ABORTED" in why)]
        refused = [key for key in bulk.refused if key not in done]
        self._journal.write("abandoned", at=time.monotonic_ns(), done=done, refused=refused)


async def operator(url: str, journal: Journal, seed: int) -> None:
    engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    try:
        async with AsyncExitStack() as stack:
            outer = manager_on(Procession(url))
            manager = await insist(FAULTS, lambda: stack.enter_async_context(outer.for_repairs()))
            await Operator(manager, journal, engine, seed).work()
    finally:
        engine.dispose()


class Starter:
    """Starts one process after the other, on several apps; some at once, some in transactions of its own."""

    def __init__(self, url: str, managers: Sequence[ProcessManager], journal: Journal, seed: int) -> None:
        self._engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
        self._managers = managers
        self._journal = journal
        self._seed = seed
        self._chance = random.Random(f"{seed} starter")

    async def work(self, count: int, gate: Path) -> None:
        number = 0
        while number < count:
            opened = min(_opened(gate), count)
            if number >= opened:
                await asyncio.sleep(LOOK_SECONDS)
                continue
            drawn = self._chance.random()
            many = min(BURST, opened - number) if drawn < 0.05 else 1
            joins = drawn > 0.9
            await asyncio.gather(*(self._start(number + one, joins) for one in range(many)))
            number += many

    async def _start(self, number: int, joins: bool) -> None:
        manager = self._chance.choice(self._managers)
        self._journal.write("start?", at=time.monotonic_ns(), n=number)
        once = self._joined if joins else self._plainly
        # A connection that was lost in the middle is, to a start on it, no connection to the database.
        faults = (*FAULTS, InvalidInput) if joins else FAULTS
        key = await insist(faults, lambda: once(manager, number))
        self._journal.write("started", at=time.monotonic_ns(), n=number, key=key)

    async def _plainly(self, manager: ProcessManager, number: int) -> int:
        started = await manager.start(kind_of(number, self._seed), ("booking", number))
        return started.key

    async def _joined(self, manager: ProcessManager, number: int) -> int:
        with self._engine.begin() as connection:
            kind = kind_of(number, self._seed)
            started = await manager.start(kind, ("booking", number), connection=connection)
        return started.key


def _opened(gate: Path) -> int:
    return int(gate.read_text())


async def starter(url: str, journal: Journal, seed: int, count: int, gate: Path) -> None:
    async with AsyncExitStack() as stack:
        managers = [manager_on(Procession(url, serve=False)) for _ in range(3)]
        for manager in managers:
            await insist(FAULTS, lambda app=manager.app: stack.enter_async_context(app))  # type: ignore[misc]
        await Starter(url, managers, journal, seed).work(count, gate)


async def play(part: Callable[[], Awaitable[None]]) -> None:
    async with closing():
        await part()


def main() -> None:
    role, name, url, folder, seed, count, slow = sys.argv[1:]
    place = Path(folder)
    journal = Journal(place / f"{name}.jsonl")
    parts: dict[str, Callable[[], Awaitable[None]]] = {
        "node": lambda: node(url, Witness(journal, int(seed), float(slow))),
        "operator": lambda: operator(url, journal, int(seed)),
        "client": lambda: starter(url, journal, int(seed), int(count), place / "gate"),
    }
    asyncio.run(play(parts[role]))


if __name__ == "__main__":
    main()
