"""Waiting for cases to go on: one look a second at all that are watched, none when nobody watches."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from procession.errors import NotReady, ProcessionError
from procession.storage.searches.cases import Mark, marks

if TYPE_CHECKING:
    import sqlalchemy as sa

log = logging.getLogger("procession.case")

LOOK_SECONDS = 1.0


class Watch:
    """Tells who waits when the mark of a case changes. It belongs to the app's event loop."""

    def __init__(self, engine: Callable[[], sa.Engine]) -> None:
        self._engine = engine
        self._waiting: dict[int, list[tuple[Mark | None, asyncio.Future[Mark | None]]]] = {}
        self._task: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()

    async def changed(self, key: int, seen: Mark | None) -> Mark | None:
        """Wait until a case has another mark than `seen`; None: there is no such case (any more).

        Raises:
            NotReady: the app was left meanwhile.
        """
        future: asyncio.Future[Mark | None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(key, []).append((seen, future))
        self._wake.set()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._look())
        return await future

    @property
    def waiting(self) -> int:
        """How many wait."""
        return sum(len(waiting) for waiting in self._waiting.values())

    def look(self, ended: asyncio.Future[Any]) -> None:
        """Look at once: a case has ended, whatever its end."""
        if not ended.cancelled():
            ended.exception()
        self._wake.set()

    async def _look(self) -> None:
        while self._waiting:
            self._wake.clear()
            keys = list(self._waiting)
            try:
                found = await asyncio.to_thread(marks, self._engine(), keys)
            except ProcessionError as error:
                log.warning("cases cannot be looked at: %s", error.message)
            else:
                self._tell(keys, found)
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._wake.wait()
            except TimeoutError:
                continue

    def _tell(self, keys: list[int], found: dict[int, Mark]) -> None:
        for key in keys:
            mark = found.get(key)
            left: list[tuple[Mark | None, asyncio.Future[Mark | None]]] = []
            for seen, future in self._waiting.get(key, []):
                if future.done():  # who waited went away
                    continue
                if mark is None or mark != seen:
                    future.set_result(mark)
                else:
                    left.append((seen, future))
            if left:
                self._waiting[key] = left
            else:
                self._waiting.pop(key, None)

    async def close(self) -> None:
        """Whoever waits is told that the app was left."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        for waiting in self._waiting.values():
            for _, future in waiting:
                if not future.done():
                    future.set_exception(NotReady("the app was left"))
        self._waiting.clear()
