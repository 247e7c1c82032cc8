"""Connections that bring no request are closed."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_SECONDS = 20.0
"""A client that has not sent the head of its request for so long is given up."""
KEEP_ALIVE_SECONDS = 75
"""How long a connection may wait for its next request: longer than clients keep theirs."""


class PunctualConnection(H11Protocol):
    """HTTP/1.1 on one connection. uvicorn itself waits for the head of a request for ever."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._late: asyncio.TimerHandle | None = None
        answer: Any = self.app

        async def answered(*asgi: Any) -> None:
            self._await_head(None)
            try:
                await answer(*asgi)
            finally:
                self._await_head(KEEP_ALIVE_SECONDS + HEAD_SECONDS)

        self.app = answered

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's
        super().connection_made(transport)
        self._await_head(HEAD_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        self._await_head(None)
        super().connection_lost(exc)

    def _await_head(self, seconds: float | None) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None
        if seconds is not None and not self.transport.is_closing():
            self._late = self.loop.call_later(seconds, self.transport.close)
