"""A process that is in the registry: keeps its lease, drains, leaves."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

from procession.errors import StorageError
from procession.operations.registry.store import Entry, Store

T = TypeVar("T")

log = logging.getLogger("procession.registry")

RENEWALS = 3
"""In the time of a lease."""
AGAIN_SECONDS = 0.5
"""After which a mark that could not be written is tried again."""


class Runs(Protocol):
    """Does something with the table of registrations."""

    def __call__(self, work: Callable[[Store], T], /) -> Awaitable[T]: ...


class Announced:
    """What `async with registry.announce(...) as announced` gives. Belongs to one event loop.

    The lease is renewed by that event loop: one that is blocked for longer than the lease is not alive.
    Where the lease has ended meanwhile, or the database was away, it registers anew by itself.
    """

    def __init__(
        self, run: Runs, entry: Entry, *, lease: timedelta, look: timedelta, notice: timedelta
    ) -> None:
        self.id = entry.id
        self.fencing_number = 0
        """Known inside the block."""
        self._run = run
        self._entry = entry
        self._lease = lease
        self._look = look
        self._notice = notice
        self._told = asyncio.Event()
        self._draining = False
        self._renewed_at = 0.0
        """Of the monotonic clock, before the database was asked."""
        self._keeper: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Register.

        Raises:
            StorageError: the database cannot be used.
        """
        await self._register()
        self._keeper = asyncio.create_task(self._keep())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the registry. If the database is away the lease ends by itself."""
        if self._keeper is not None:
            self._keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeper
        try:
            await self._run(lambda store: store.end(self.id))
        except StorageError as fault:
            log.warning("cannot leave the registry, the lease ends by itself: %s", fault)

    async def drain(self) -> None:
        """Say that this process is to get nothing new, and wait until that is known everywhere.

        It stays alive, and goes on accepting until this returns: then every gateway that can reach the
        database has noticed (three seconds), and sends nothing more. If the database is away, this tries
        for as long as the lease lasts: after that gateways do not count on this process anyway.
        """
        self._draining = True
        deadline = time.monotonic() + self._lease.total_seconds()
        while True:
            try:
                await self._run(lambda store: store.drain([self.id]))
                break
            except StorageError as fault:
                if time.monotonic() > deadline:
                    log.warning("the registry cannot be told that this process drains: %s", fault)
                    break
            await asyncio.sleep(AGAIN_SECONDS)
        await asyncio.sleep(self._notice.total_seconds())

    async def told_to_drain(self) -> None:
        """Wait until somebody tells this process to drain; seen within a second by workers, and when the
        lease is renewed by servers."""
        await self._told.wait()

    # --- the background ---------------------------------------------------------------------------

    async def _keep(self) -> None:
        each = self._lease.total_seconds() / RENEWALS
        faulty = False
        while True:
            await asyncio.sleep(min(self._look.total_seconds(), each))
            try:
                await self._ask(renew=faulty or time.monotonic() - self._renewed_at >= each)
                faulty = False
            except Exception as fault:
                if not faulty:
                    log.warning("the registry cannot be reached, trying again: %s", fault)
                faulty = True

    async def _ask(self, *, renew: bool) -> None:
        """Renew the lease, or just look; see whether this process is to drain."""
        asked_at = time.monotonic()
        told: Any = await self._run(self._renewed if renew else lambda store: store.is_told(self.id))
        if told is None:
            log.warning("the lease of %s had ended: registering anew", self.id)
            await self._register()
            return
        if renew:
            self._renewed_at = asked_at
        if told:
            self._told.set()

    def _renewed(self, store: Store) -> bool | None:
        return store.renew(self.id, self.fencing_number, self._lease)

    async def _register(self) -> None:
        asked_at = time.monotonic()
        self.fencing_number = await self._run(
            lambda store: store.register(self._entry, self._lease, draining=self._draining)
        )
        self._renewed_at = asked_at
