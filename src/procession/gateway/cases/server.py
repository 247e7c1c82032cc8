"""The HTTP server of business cases."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

from procession.broker import Readiness
from procession.gateway.cases.routes import application
from procession.gateway.http import HttpServer, bind, configured
from procession.gateway.listen import Listen
from procession.process.cases import CaseManager

GRACE_SECONDS = 10


class CaseServer:
    """A context manager: the manager's app runs, and is served, from entering to leaving."""

    def __init__(self, manager: CaseManager, listen: Listen) -> None:
        self.manager = manager
        self.listen = listen
        self.port = listen.port
        """Where it listens: known once it does, if the port was left to the system."""

    async def __aenter__(self) -> Self:
        """Open the app, and serve.

        Raises:
            InvalidInput: the certificate cannot be used.
            ProcessionError: it cannot listen there, or as entering the app.
        """
        listening = bind(self.listen)
        self.port = listening.getsockname()[1]
        try:
            app = application(self.manager)
            server = HttpServer(configured(app, self.listen, timeout_graceful_shutdown=GRACE_SECONDS))
            await self.manager.app.__aenter__()
        except BaseException:
            listening.close()
            raise
        self._server = server
        self._serving = asyncio.create_task(server.serve(sockets=[listening]))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Accept nothing more, answer who waits, finish other requests, and leave the app."""
        self._server.should_exit = True
        await self.manager.stop_watching()
        await self._serving
        await self.manager.app.__aexit__(kind, error, trace)

    def readiness(self) -> Readiness:
        """Whether it can work, and if not, why."""
        return self.manager.app.readiness()
