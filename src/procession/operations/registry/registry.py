"""The registry as programs use it."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from types import TracebackType
from typing import Self, TypeVar

from procession.errors import InvalidInput
from procession.operations.registry.announced import Announced
from procession.operations.registry.records import Kind, Registration, Served, base_url, served
from procession.operations.registry.store import Entry, Store
from procession.storage.short import open_short

T = TypeVar("T")

LEASE = timedelta(seconds=15)
"""After which one that was killed is not alive any more."""
REFRESH = timedelta(seconds=1)
"""How often a gateway asks the registry."""
NOTICE = 3 * REFRESH
"""After which every gateway has noticed a mark, also one whose question was under way and took its time."""


class Registry:
    """Which servers and workers run, kept in Procession's database.

    >>> async with Registry("sqlite:///shop.db") as registry:              # doctest: +SKIP
    ...     serves = [("open-account", "v1")]
    ...     async with registry.announce(serves=serves, url="http://10.0.0.7:8081") as announced:
    ...         await terminated()
    ...         await announced.drain()      # from now on no gateway sends anything new
    ...         await server.stop()          # finishes what it holds

    The database is opened when it is first needed, on a thread of the registry's own, and closed by
    `close`. With `upgrade=False` its tables are made and upgraded by somebody else.
    """

    def __init__(self, url: str, *, upgrade: bool = True) -> None:
        self.url = url
        self._upgrade = upgrade
        self._store: Store | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="procession-registry")

    def announce(
        self,
        *,
        serves: Collection[tuple[str, str]],
        url: str,
        lease: timedelta = LEASE,
        notice: timedelta = NOTICE,
    ) -> Announced:
        """A block in which this process is known as a server.

        Entering it registers, and the lease is renewed in the background until it is left. A process that
        is killed is not alive any more when its lease ends, by the database's time.

        Args:
            serves: pairs of business case (process id in kebab-case) and api, such as
                `("open-account", "v1")`: all that it answers under `/{case}/{api}/...`.
            url: where gateways reach it: `http://` or `https://`, host, port, and a path that is put
                before each request's, if it has one.
            lease: how long it is alive without a renewal.
            notice: how long `drain` waits until every gateway has noticed.

        Raises:
            InvalidInput: `serves` or `url` cannot be right.
        """
        if not serves:
            raise InvalidInput("a server has to serve something: name pairs such as ('open-account', 'v1')")
        entry = self._entry(Kind.SERVER, served(serves), url=base_url(url))
        return Announced(self.run, entry, lease=lease, look=lease / 3, notice=notice)

    def announce_worker(
        self, *, app: str, serves: Collection[tuple[str, str]] = (), lease: timedelta = LEASE
    ) -> Announced:
        """A block in which this process is known as a worker. It sees within a second that it is to drain
        (`Announced.told_to_drain`).

        Args:
            app: what it runs, as MODULE:NAME.
            serves: pairs of business case and api it works for.
            lease: how long it is alive without a renewal.

        Raises:
            InvalidInput: `serves` cannot be right.
        """
        entry = self._entry(Kind.WORKER, served(serves), app=app)
        return Announced(self.run, entry, lease=lease, look=REFRESH, notice=timedelta(0))

    def _entry(
        self, kind: Kind, serves: tuple[Served, ...], *, app: str | None = None, url: str | None = None
    ) -> Entry:
        return Entry(
            id=secrets.token_hex(4),
            kind=kind,
            app=app,
            serves=serves,
            url=url,
            host=socket.gethostname(),
            pid=os.getpid(),
        )

    async def alive(self, kind: Kind | None = None) -> list[Registration]:
        """Who is alive, draining ones included; the oldest first.

        Raises:
            StorageError: the database cannot be read.
        """
        return [one for one in await self.known(kind) if one.standing.is_alive]

    async def known(self, kind: Kind | None = None) -> list[Registration]:
        """Who is alive, and who was until ten minutes ago (ended by itself) or a day (lost).

        Raises:
            StorageError: the database cannot be read.
        """
        return await self.run(lambda store: store.all(kind))

    async def drain(self, registrations: Sequence[Registration]) -> None:
        """Tell these to drain: gateways and the workers themselves see it within a second.

        Raises:
            StorageError: the database cannot be used.
        """
        await self.run(lambda store: store.drain([one.id for one in registrations]))

    async def run(self, work: Callable[[Store], T]) -> T:
        """Do something with the table, on the registry's thread.

        Raises:
            InvalidInput, SchemaMismatch, StorageError: the database cannot be opened or used.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, lambda: work(self._opened()))

    def _opened(self) -> Store:
        if self._store is None:
            self._store = Store(open_short(self.url, upgrade=self._upgrade))
        return self._store

    async def close(self) -> None:
        """Close the database. Idempotent."""
        store, self._store = self._store, None
        if store is not None:
            await asyncio.to_thread(store.close)
        self._thread.shutdown(wait=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
