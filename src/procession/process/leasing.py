"""Steps are leased when they may begin, and not when not: the cool-down window, runs by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from procession.process.cool_down import CoolDown, Gate

if TYPE_CHECKING:
    from procession.client.app import Procession
    from procession.client.worker import Worker

TICK_SECONDS = 1.0


class Leasing:
    """Pauses and resumes the workers of steps. It belongs to the app's event loop."""

    def __init__(self, app: Procession, cool_down: CoolDown | None) -> None:
        self._app = app
        self.gate = Gate(cool_down)
        self.held_back = False
        """Whether this process leases no steps at all: somebody runs a single one by hand."""
        self.workers: list[Worker] = []
        self._ticking: asyncio.Task[None] | None = None
        self._pausing = asyncio.Lock()

    async def begin(self, workers: Sequence[Worker]) -> None:
        """Look after these from now on."""
        self.workers = list(workers)
        await self.obey()
        self._ticking = asyncio.create_task(self._tick())

    async def end(self) -> None:
        if self._ticking is not None:
            self._ticking.cancel()
            await asyncio.gather(self._ticking, return_exceptions=True)
            self._ticking = None
        self.workers = []

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_SECONDS)
            await self.obey()

    def now(self) -> int:
        """The engine's time in epoch milliseconds. Any thread may ask."""
        return self._app._backend.now()

    def cools(self) -> bool:
        """Whether it is in the cool-down window. Any thread may ask."""
        return self.gate.is_shut(self.now())

    def may_begin(self) -> bool:
        """Whether steps begin just now. Any thread may ask."""
        if not self.cools():
            return True
        self.rest()
        return False

    def rest(self) -> None:
        """Lease no more steps, soon. Any thread may ask for it."""
        self._app._backend.inbox.call(self._obey_soon)

    def _obey_soon(self) -> None:
        if self._ticking is not None:
            obeying = asyncio.ensure_future(self.obey())
            self._ticking.add_done_callback(lambda _: obeying.cancel())

    async def obey(self) -> None:
        """Lease steps when they may begin, and none when not."""
        async with self._pausing:
            if self.held_back or self.cools():
                for worker in self.workers:
                    await worker.pause()
            else:
                for worker in self.workers:
                    worker.resume()

    async def stop(self) -> None:
        """Lease no more, and wait for the steps that run."""
        self.held_back = True
        await self.obey()
        await asyncio.gather(*(worker.idle() for worker in self.workers))
