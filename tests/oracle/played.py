"""What the tests have chosen, played on both servers at the same time and many at once, since most of it
waits most of the time. Tests ask for one after the other, so each fails or passes as soon as it can."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from msgspec import Struct

from tests.oracle.comparing import complaint, play
from tests.oracle.our_state import Database
from tests.oracle.scenario import Difference, Play
from tests.oracle.sides import OurSide, Side, ZeebeSide
from tests.oracle.zeebe_state import Stories

_AT_ONCE = 48
_AGAIN_AT_ONCE = 8
_PATIENCE = 6.0
"""How much longer than usual a scenario must be quiet when it is played again: machines are shared."""


class Chosen(Struct, frozen=True):
    """What a test plays: its only argument in the mark `plays`."""

    name: str
    play: Play
    differs: Difference | None = None
    alone: bool = False


class Pair(Struct, frozen=True):
    """A real Zeebe and our own server."""

    zeebe: str
    stories: Stories
    ours: str
    database: Database

    def sides(self, patience: float) -> tuple[Side, Side]:
        return (
            ZeebeSide(self.zeebe, self.stories, patience=patience),
            OurSide(self.ours, self.database, patience=patience),
        )


class Played:
    """What is wrong with the transcripts of everything chosen. What differs is played once more, with more
    time to come to rest.

    It goes on while a test waits for `complaint`, and is given up with `close`."""

    def __init__(self, pair: Pair, chosen: Sequence[Chosen]) -> None:
        self._pair = pair
        self._runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
        self._tasks: dict[str, asyncio.Task[str | None]] = {}
        self._runner.run(self._start(chosen))

    def complaint(self, name: str) -> str | None:
        """What is wrong with the scenario of this name; None if nothing is."""
        return self._runner.run(_result(self._tasks[name]))

    def close(self) -> None:
        self._runner.run(self._stop())
        self._runner.close()

    async def _start(self, chosen: Sequence[Chosen]) -> None:
        """Play what must be alone; begin with the rest."""
        self._quick, self._patient = self._pair.sides(1.0), self._pair.sides(_PATIENCE)
        self._places, self._more_places = asyncio.Semaphore(_AT_ONCE), asyncio.Semaphore(_AGAIN_AT_ONCE)
        for one in chosen:
            if one.alone:
                await self._begin(one)
        for one in chosen:
            if not one.alone:
                self._begin(one)

    async def _stop(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        for side in (*self._quick, *self._patient):
            await side.close()

    def _begin(self, one: Chosen) -> asyncio.Task[str | None]:
        task = self._tasks[one.name] = asyncio.create_task(self._complaint(one))
        return task

    async def _complaint(self, one: Chosen) -> str | None:
        async with self._places:
            found = await _compared(one, self._quick)
        if found is not None:
            async with self._more_places:
                found = await _compared(one, self._patient)
        return found


async def _compared(one: Chosen, sides: tuple[Side, Side]) -> str | None:
    zeebe, ours = await asyncio.gather(*(play(one.play, side) for side in sides))
    return complaint(zeebe, ours, one.differs)


async def _result(task: asyncio.Task[str | None]) -> str | None:
    return await task
