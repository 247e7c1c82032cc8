"""The API gateway as a server."""

from __future__ import annotations

import asyncio
import contextlib
import resource
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self

import uvicorn

from procession.broker import Readiness
from procession.gateway.api.app import GatewayApp
from procession.gateway.api.connections import KEEP_ALIVE_SECONDS, PunctualConnection
from procession.gateway.api.counters import Counters
from procession.gateway.api.forwarding import Forwarder
from procession.gateway.api.routes import Routes
from procession.gateway.api.watching import Watch
from procession.gateway.http import HttpServer, bind, configured
from procession.gateway.listen import Listen
from procession.operations.registry import Registry

GRACE = timedelta(seconds=30)
PATIENCE = timedelta(minutes=10)
HEAD_BYTES = 64 * 1024
"""The largest head of a request."""
_OTHER_FILES = 64
"""Beside connections."""


class ApiGateway:
    """A context manager: it serves from entering to leaving, on the event loop it was entered on.

    Args:
        url: the database with the registry.
        grace: how long requests under way may take when it is left.
        patience: how long a server may say nothing: before its answer begins, and in the middle of it.
        trust_forwarded: whether clients are proxies whose `X-Forwarded-*` are true.
    """

    def __init__(
        self,
        url: str,
        listen: Listen,
        *,
        upgrade: bool = True,
        grace: timedelta = GRACE,
        patience: timedelta = PATIENCE,
        trust_forwarded: bool = False,
    ) -> None:
        self.url = url
        self.listen = listen
        self.port = listen.port
        """Where it listens: known once it does, if the port was left to the system."""
        self._grace = grace
        self._registry = Registry(url, upgrade=upgrade)
        self.routes = Routes(patience)
        self._watch = Watch(self._registry, self.routes)
        self._counters = Counters()
        self._trusted = trust_forwarded
        self._since = datetime.now(UTC)
        self._was_ready = True

    async def __aenter__(self) -> Self:
        """Learn from the registry, and serve.

        Raises:
            StorageError: the database cannot be used.
            InvalidInput: the certificate cannot be used.
            ProcessionError: nothing can listen there.
        """
        try:
            config = self._config()
            await self._watch.load()
            bound = bind(self.listen)
        except BaseException:
            await self._registry.close()
            raise
        self.port = bound.getsockname()[1]
        self._server = HttpServer(config)
        self._serving = asyncio.create_task(self._server.serve([bound]))
        self._watching = asyncio.create_task(self._watch.run())
        return self

    def _config(self) -> uvicorn.Config:
        forwarder = Forwarder(self.routes, self._watch, self._counters, trusted=self._trusted)
        app = GatewayApp(self.routes, self._watch, self._counters, forwarder, limit=_limit())
        return configured(
            app,
            self.listen,
            http=PunctualConnection,
            ws="none",
            interface="asgi3",
            log_level="critical",
            proxy_headers=False,
            date_header=False,  # servers have their own
            h11_max_incomplete_event_size=HEAD_BYTES,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=max(1, round(self._grace.total_seconds())),
        )

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Accept nothing more, finish the requests under way, and close."""
        self._server.should_exit = True
        try:
            await self._serving
        finally:
            self._watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watching
            await self._watch.finish()
            await self.routes.close()
            await self._registry.close()

    def readiness(self) -> Readiness:
        """Whether the registry answers. Where it does not, requests go by what it said last."""
        fault = self._watch.fault
        if (fault is None) != self._was_ready:
            self._was_ready = fault is None
            self._since = datetime.now(UTC)
        return Readiness(ready=fault is None, since=self._since, reason=fault)


def _limit() -> int:
    """Requests at once: each takes two connections."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 100_000 if files == resource.RLIM_INFINITY else max(1, (files - _OTHER_FILES) // 2)
