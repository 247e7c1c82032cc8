"""The HTTP server of business cases."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

import uvicorn

from procession.broker import Readiness
from procession.errors import InvalidInput, ProcessionError
from procession.gateway.cases.routes import application
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
        listening = _listening(self.listen)
        self.port = listening.getsockname()[1]
        try:
            server = _Server(_config(self.manager, self.listen))
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


class _Server(uvicorn.Server):
    """Leaves signals to whoever runs it."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _listening(listen: Listen) -> socket.socket:
    family = socket.AF_INET6 if ":" in listen.host else socket.AF_INET
    listening = socket.socket(family)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((listen.host, listen.port))
    except OSError as error:
        listening.close()
        raise ProcessionError(f"nothing can listen on {listen.address}: {error.strerror}") from None
    return listening


def _config(manager: CaseManager, listen: Listen) -> uvicorn.Config:
    if (listen.certificate is None) != (listen.key is None):
        raise InvalidInput("TLS needs both a certificate and its key")
    config = uvicorn.Config(
        application(manager),
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
        ssl_certfile=listen.certificate,
        ssl_keyfile=listen.key,
    )
    try:
        config.load()
    except OSError as error:
        raise InvalidInput(f"the certificate or its key cannot be used: {error}") from None
    return config
