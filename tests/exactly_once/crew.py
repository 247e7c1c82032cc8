"""The example's processes: started, killed, replaced."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.forkserver import ForkServer, ended

from .points import OF_CASES, OF_SERVICES, Board, Point
from .roles import Birth, Role

PATIENCE = 60.0
SELF_KILLS = 0.6
"""The share of processes that kill themselves at a point of their work; the others are killed at any time."""
LATEST_VISIT = 3
"""How often they come to that point at most."""
LONGEST_LIFE = 0.4
"""Seconds that the others live at most after they have begun to work."""
LONGEST_START = 20
"""Tenths of a second that are waited for that."""
LATEST_SELF_KILL = 5.0
"""Seconds after which a process that has not come to its point is killed wherever it is."""
SLOTS = (
    (Role.USERS, False),
    (Role.USERS, True),
    (Role.ACCOUNTS, False),
    (Role.ACCOUNTS, True),
    (Role.CASES, True),
    (Role.CASES, True),
)
"""Who is alive at a time, and whether it is asynchronous code."""


class Setting(NamedTuple):
    """Where everybody works."""

    folder: Path
    databases: Mapping[Role, str]
    """Of each service, and of the cases."""
    broker: str
    keys: str
    falls_back: bool
    """No broker is configured: requests and replies are in the database of the cases."""

    @property
    def environment(self) -> dict[str, str]:
        """What the example's case reads."""
        broker = {} if self.falls_back else {"PROCESSION_BROKER": self.broker}
        return broker | {"PROCESSION_DB": self.databases[Role.CASES], "PROCESSION_CASE_KEYS": self.keys}


class Killed(NamedTuple):
    """One kill."""

    role: Role
    by_itself: bool
    """At the point; otherwise somewhere behind it."""
    point: Point


class Crew:
    """Several processes of each role."""

    def __init__(self, setting: Setting, chance: random.Random) -> None:
        self._setting = setting
        self._chance = chance
        self._board = Board(setting.folder / "board", len(SLOTS))
        others = {name: one for name, one in os.environ.items() if not name.startswith("PROCESSION_")}
        log = setting.folder / "processes.log"
        self._nursery = ForkServer("tests.exactly_once.nursery", log, others | setting.environment)
        self._deadly = {points: self._deal(points) for points in (OF_SERVICES, OF_CASES)}
        self._alive: dict[int, int] = {}
        self.kills: Counter[Killed] = Counter()

    def _deal(self, points: Sequence[Point]) -> Iterator[Point]:
        """Each of them, in any order, and again."""
        while True:
            yield from self._chance.sample(points, len(points))

    async def start(self, slot: int, *, deadly: Point | None = None, after: int = 1) -> int:
        """Start a process in a slot; answers a descriptor of it."""
        role, asynchronous = SLOTS[slot]
        birth = Birth(
            role=role,
            asynchronous=asynchronous,
            slot=slot,
            slots=len(SLOTS),
            board=str(self._setting.folder / "board"),
            database=self._setting.databases[role],
            broker=self._setting.broker,
            deadly=deadly,
            after=after,
        )
        self._alive[slot] = process = await self._nursery.fork(birth)
        return process

    async def kill(self, *, services: int, cases: int) -> None:
        """Start processes and kill them, so many in all; then start those that stay."""
        of_services, of_cases = iter(range(services)), iter(range(cases))
        async with asyncio.TaskGroup() as group:
            for slot, (role, _) in enumerate(SLOTS):
                group.create_task(self._lives(slot, of_cases if role is Role.CASES else of_services))

    async def _lives(self, slot: int, left: Iterator[int]) -> None:
        for _ in left:
            await self._life(slot)
        await self.start(slot)

    async def _life(self, slot: int) -> None:
        role, _ = SLOTS[slot]
        if self._chance.random() < SELF_KILLS:
            deadly, after = next(self._deadly[role.points]), self._chance.randint(1, LATEST_VISIT)
            process = await self.start(slot, deadly=deadly, after=after)
            by_itself = await ended(process, LATEST_SELF_KILL)
        else:
            process = await self.start(slot)
            await self._at_work(slot)
            by_itself = await ended(process, self._chance.uniform(0, LONGEST_LIFE))
            assert not by_itself, "a process ended by itself; processes.log says why"
        if not by_itself:
            signal.pidfd_send_signal(process, signal.SIGKILL)
            assert await ended(process, PATIENCE)
        os.close(process)
        del self._alive[slot]
        self.kills[Killed(role, by_itself, self._board.get(slot))] += 1

    async def _at_work(self, slot: int) -> None:
        """Wait until it has begun to work, though not for long: it may be killed before."""
        for _ in range(LONGEST_START):
            if self._board.get(slot) is not Point.STARTING:
                return
            await asyncio.sleep(0.1)

    async def stop(self) -> None:
        """Ask the processes to end, and wait."""
        for process in self._alive.values():
            signal.pidfd_send_signal(process, signal.SIGTERM)
        for process in self._alive.values():
            assert await ended(process, PATIENCE), "a process does not stop"
            os.close(process)
        self._alive.clear()

    def close(self) -> None:
        """Leave nothing behind."""
        for process in self._alive.values():
            os.close(process)
        self._nursery.close()
