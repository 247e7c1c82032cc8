"""The service's processes: started, killed, replaced."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import msgspec

from .points import Board, Point
from .service import Birth

PATIENCE = 60.0
SELF_KILLS = 0.6
"""The share of processes that kill themselves at a point of their work; the others are killed at any time."""
LONGEST_LIFE = 0.4
"""Seconds that the others live at most after they have begun to work."""
LONGEST_START = 20
"""Tenths of a second that are waited for that."""
LATEST_SELF_KILL = 20.0
"""Seconds after which a process that has not come to its point is killed wherever it is."""
SLOTS = 4


class Crew:
    """Processes of one service. Half of them are asynchronous."""

    def __init__(self, folder: Path, database: str, transport: str, chance: random.Random) -> None:
        self._folder = folder
        self._database = database
        self._transport = transport
        self._chance = chance
        self._board = Board(folder / "board", SLOTS)
        self._log = (folder / "services.log").open("ab")
        self._nursery = subprocess.Popen(
            [sys.executable, "-m", "tests.exactly_once.nursery"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
        )
        self._births = asyncio.Lock()
        self._alive: dict[int, int] = {}
        self.kills: Counter[tuple[str, Point]] = Counter()
        """Who killed, and at or after which point."""

    async def start(self, slot: int, *, deadly: Point | None = None, after: int = 1) -> int:
        """Start a process in a slot; answers a descriptor of it."""
        birth = Birth(
            slot=slot,
            slots=SLOTS,
            board=str(self._folder / "board"),
            database=self._database,
            transport=self._transport,
            asynchronous=slot % 2 == 1,
            deadly=deadly,
            after=after,
        )
        async with self._births:
            number = await asyncio.to_thread(self._give_birth, birth)
        self._alive[slot] = process = os.pidfd_open(number)
        return process

    def _give_birth(self, birth: Birth) -> int:
        assert self._nursery.stdin is not None
        assert self._nursery.stdout is not None
        self._nursery.stdin.write(msgspec.json.encode(birth) + b"\n")
        self._nursery.stdin.flush()
        return int(self._nursery.stdout.readline())

    async def kill(self, total: int) -> None:
        """Start processes and kill them, so many in all; then start those that stay."""
        left = iter(range(total))

        async def lives(slot: int) -> None:
            for _ in left:
                await self._life(slot)
            await self.start(slot)

        async with asyncio.TaskGroup() as group:
            for slot in range(SLOTS):
                group.create_task(lives(slot))

    async def _life(self, slot: int) -> None:
        if self._chance.random() < SELF_KILLS:
            deadly = self._chance.choice(list(Point)[1:])
            process = await self.start(slot, deadly=deadly, after=self._chance.randint(1, 5))
            by_itself = await _ended(process, LATEST_SELF_KILL)
        else:
            process = await self.start(slot)
            await self._at_work(slot)
            by_itself = await _ended(process, self._chance.uniform(0, LONGEST_LIFE))
            assert not by_itself, "a service ended by itself; services.log says why"
        if not by_itself:
            signal.pidfd_send_signal(process, signal.SIGKILL)
            assert await _ended(process, PATIENCE)
        os.close(process)
        del self._alive[slot]
        self.kills["itself" if by_itself else "another", self._board.get(slot)] += 1

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
            assert await _ended(process, PATIENCE), "a service does not stop"
            os.close(process)
        self._alive.clear()

    def close(self) -> None:
        """Leave nothing behind."""
        for process in self._alive.values():
            signal.pidfd_send_signal(process, signal.SIGKILL)
            os.close(process)
        self._nursery.kill()
        self._nursery.communicate()
        self._log.close()


async def _ended(process: int, seconds: float) -> bool:
    """Whether a process ends in time."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_reader(process, ended.set)
    try:
        async with asyncio.timeout(seconds):
            await ended.wait()
    except TimeoutError:
        return False
    finally:
        loop.remove_reader(process)
    return True
