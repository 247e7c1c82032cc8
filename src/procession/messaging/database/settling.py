"""Settling many messages in one transaction."""

from __future__ import annotations

import asyncio

from procession.errors import DatabaseBusy
from procession.messaging.database.opening import OpenDatabase
from procession.messaging.database.queues import Settlement, settle

TRIES = 3


class Settler:
    """While one transaction runs, what is to be settled gathers for the next."""

    def __init__(self, database: OpenDatabase, owner: str) -> None:
        self._database = database
        self._owner = owner
        self._gathered: dict[Settlement, asyncio.Future[bool]] = {}
        self._task: asyncio.Task[None] | None = None

    async def settle(self, settlement: Settlement) -> bool:
        """Whether it was still held.

        Raises:
            NotReady: the database is away.
            DatabaseBusy: others were in the way, three times.
        """
        done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._gathered[settlement] = done
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="procession settles messages")
        return await done

    async def _run(self) -> None:
        try:
            while self._gathered:
                gathered, self._gathered = self._gathered, {}
                ordered = sorted(gathered)
                try:
                    answers: list[bool] | Exception = await self._settle(ordered)
                except Exception as error:
                    answers = error
                for number, settlement in enumerate(ordered):
                    _resolve(
                        gathered[settlement], answers if isinstance(answers, Exception) else answers[number]
                    )
        finally:
            self._task = None

    async def _settle(self, settlements: list[Settlement]) -> list[bool]:
        for _ in range(TRIES - 1):
            try:
                return await self._database.run(settle, self._owner, settlements)
            except DatabaseBusy:
                continue
        return await self._database.run(settle, self._owner, settlements)

    async def close(self) -> None:
        """Wait for what is being settled."""
        if self._task is not None:
            await self._task


def _resolve(done: asyncio.Future[bool], answer: bool | Exception) -> None:
    if done.done():
        return
    if isinstance(answer, Exception):
        done.set_exception(answer)
    else:
        done.set_result(answer)
