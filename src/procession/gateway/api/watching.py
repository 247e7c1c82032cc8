"""Keeping the routes as the registry has them."""

from __future__ import annotations

import asyncio
import logging
import time

from procession.gateway.api.routes import Routes
from procession.operations.registry import REFRESH, Kind, Registry

log = logging.getLogger("procession.gateway")

AT_MOST_EACH_SECONDS = 0.2
"""Between two questions that requests are waiting for, however many they are."""
FORGIVING_SECONDS = 5.0
"""After the registry could not be asked: servers could not renew their leases there either, and come back."""
ANSWER_SECONDS = 2.0
"""How long they wait at most: then it goes by what is known."""


class Watch:
    """Asks the registry each second, and at once where a request needs to know better."""

    def __init__(self, registry: Registry, routes: Routes) -> None:
        self._registry = registry
        self._routes = routes
        self._asking: asyncio.Task[None] | None = None
        self._asked_at = 0.0
        self._failed_at = -FORGIVING_SECONDS
        self.fault: str | None = None
        """Why the last question was not answered: the routes are those of before."""

    def begin(self) -> None:
        """Ask, without waiting for the answer, unless that was done within the last fifth of a second."""
        if self._asking is None and time.monotonic() - self._asked_at >= AT_MOST_EACH_SECONDS:
            self._asking = asyncio.create_task(self._ask())

    async def ask(self) -> None:
        """Have the routes not older than a fifth of a second, if the registry answers soon."""
        self.begin()
        if self._asking is not None:
            await asyncio.wait((self._asking,), timeout=ANSWER_SECONDS)

    async def _ask(self) -> None:
        try:
            await self.load()
        except Exception as error:
            if self.fault is None:
                log.warning("the registry cannot be asked, going on with what it said last: %s", error)
            self.fault = str(error)
            self._failed_at = time.monotonic()
        else:
            self.fault = None
        finally:
            self._asked_at = time.monotonic()
            self._asking = None

    async def load(self) -> None:
        """Ask now.

        Raises:
            StorageError: the database cannot be read.
        """
        forgiving = time.monotonic() - self._failed_at < FORGIVING_SECONDS
        await self._routes.update(await self._registry.known(Kind.SERVER), forgiving=forgiving)

    async def finish(self) -> None:
        """Wait for the question that is under way."""
        if self._asking is not None:
            await self._asking

    async def run(self) -> None:
        """Ask each second, for ever."""
        while True:
            await asyncio.sleep(REFRESH.total_seconds())
            await self.ask()
