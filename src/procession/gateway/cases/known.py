"""A server of business cases that gateways find."""

from __future__ import annotations

import socket
from types import TracebackType
from typing import Self

from procession.broker import Readiness
from procession.gateway.cases.server import CaseServer
from procession.operations.registry import Announced, Registry

_ALL_ADDRESSES = ("0.0.0.0", "::")


class KnownCaseServer:
    """A context manager: a server that is in the registry of its app's database while it serves.

    Leaving drains first: it goes on accepting for the three seconds in which gateways notice.

    Args:
        url: where gateways reach it; None: at the address it listens on, or by this host's name where
            that is every address.
    """

    def __init__(self, server: CaseServer, url: str | None = None) -> None:
        self.server = server
        self._url = url

    async def __aenter__(self) -> Self:
        """Serve, and say so.

        Raises:
            InvalidInput: the URL, or the name of a case, cannot be right.
            StorageError: the database cannot be used.
            ProcessionError: as entering the server.
        """
        await self.server.__aenter__()
        manager = self.server.manager
        self._registry = Registry(manager.app.url, upgrade=False)  # the app has seen to the tables
        serves = [(one.case_id, one.api) for one in manager.blueprints]
        try:
            announced = self._registry.announce(serves=serves, url=self.url)
            self._announced: Announced = await announced.__aenter__()
        except BaseException:
            await self._registry.close()
            await self.server.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Drain, finish what it holds, and leave the registry."""
        try:
            await self._announced.drain()
            await self.server.__aexit__(kind, error, trace)
        finally:
            await self._announced.__aexit__(kind, error, trace)
            await self._registry.close()

    @property
    def url(self) -> str:
        """Where gateways reach it."""
        if self._url is not None:
            return self._url
        listen = self.server.listen
        host = socket.gethostname() if listen.host in _ALL_ADDRESSES else listen.host
        scheme = "http" if listen.certificate is None else "https"
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{self.server.port}"

    def readiness(self) -> Readiness:
        return self.server.readiness()
