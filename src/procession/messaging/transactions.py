"""Transactions off the event loop, on engines that are synchronous or not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar, cast

import sqlalchemy as sa

from procession.errors import DatabaseBusy, NotReady
from procession.messaging.addresses import shown
from procession.messaging.dialects import SQLITE, busy

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

T = TypeVar("T")


class Transactions:
    """Runs functions on a database, each in a transaction of its own, one after the other."""

    def __init__(self, engine: sa.Engine | AsyncEngine) -> None:
        asynchronous = hasattr(engine, "sync_engine")
        # Without ranges that are locked: those who only add rows must not wait for those who take some.
        level = None if engine.dialect.name == SQLITE else "READ COMMITTED"
        chosen = engine.execution_options(isolation_level=level) if level else engine
        self._async: AsyncEngine | None = cast("AsyncEngine", chosen) if asynchronous else None
        self._sync: sa.Engine | None = None if asynchronous else cast(sa.Engine, chosen)
        self._thread = None if asynchronous else ThreadPoolExecutor(1, "procession-messaging")
        self.name = shown(engine.url.render_as_string(hide_password=False))

    async def run(self, work: Callable[..., T], *arguments: Any) -> T:
        """Commit what `work(connection, *arguments)` does, and answer what it answers.

        Once begun it is finished, even if the caller is cancelled meanwhile.

        Raises:
            DatabaseBusy: others were in the way; nothing was changed.
            NotReady: the database is away; it may have been changed or not.
        """
        try:
            if self._async is not None:
                return await asyncio.shield(self._awaited(work, arguments))
            assert self._thread is not None
            loop = asyncio.get_running_loop()
            return await asyncio.shield(loop.run_in_executor(self._thread, self._begun, work, arguments))
        except sa.exc.DBAPIError as error:
            raise _translated(error, self.name) from error

    def _begun(self, work: Callable[..., T], arguments: tuple[Any, ...]) -> T:
        assert self._sync is not None
        with self._sync.begin() as connection:
            return work(connection, *arguments)

    async def _awaited(self, work: Callable[..., T], arguments: tuple[Any, ...]) -> T:
        assert self._async is not None
        async with self._async.begin() as connection:
            return await connection.run_sync(work, *arguments)

    async def close(self) -> None:
        """Wait for what was begun."""
        if self._thread is not None:
            thread = self._thread
            await asyncio.get_running_loop().run_in_executor(None, thread.shutdown)


def _translated(error: sa.exc.DBAPIError, name: str) -> Exception:
    if busy(error):
        return DatabaseBusy(f"{name} is busy: {error.orig}")
    if error.connection_invalidated or isinstance(error, sa.exc.OperationalError | sa.exc.InterfaceError):
        return NotReady(f"{name} cannot be reached: {error.orig}")
    return error
