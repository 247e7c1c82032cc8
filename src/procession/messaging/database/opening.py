"""A database that holds queues, with its tables."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

import sqlalchemy as sa

from procession.errors import NotReady
from procession.messaging.database import queues
from procession.messaging.tables import create_missing, queue_metadata
from procession.messaging.transactions import Transactions

T = TypeVar("T")


class OpenDatabase:
    """Runs transactions; the tables are made before the first one."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._transactions = Transactions(engine)
        self._made = False
        self._making = asyncio.Lock()
        self.name = self._transactions.name

    async def run(self, work: Callable[..., T], *arguments: Any) -> T:
        """As `Transactions.run`."""
        async with self._making:
            if not self._made:
                await self._make()
        return await self._transactions.run(work, *arguments)

    async def declare(self, queue: str, delivery_limit: int) -> None:
        """As `Transport.declare`."""
        try:
            await self.run(queues.declare, queue, delivery_limit)
        except sa.exc.IntegrityError:  # somebody else made it just now
            await self.run(queues.declare, queue, delivery_limit)

    async def _make(self) -> None:
        try:
            await asyncio.to_thread(create_missing, self._engine, queue_metadata)
        except (sa.exc.OperationalError, sa.exc.InterfaceError) as error:
            raise NotReady(f"{self.name} cannot be reached: {error.orig}") from error
        self._made = True

    async def close(self) -> None:
        await self._transactions.close()
        await asyncio.to_thread(self._engine.dispose)
