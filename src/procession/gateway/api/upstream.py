"""A server behind the gateway, as this gateway knows it."""

from __future__ import annotations

import socket
import ssl
import time
from datetime import timedelta
from functools import cache

import httpx

DOWN_SECONDS = 1.0
"""After a failure the others are tried first for so long."""
KEEP_SECONDS = 2.0
"""How long a connection is kept for the next request: shorter than any server waits (uvicorn: five
seconds), so that none closes it just when a request is sent."""
CONNECT_SECONDS = 2.0
SEND_SECONDS = 60.0
"""A server that takes nothing of a body for so long is given up."""
_IDLE_CONNECTIONS = 1000
# A machine that is gone answers nothing, not even "closed": probes tell within half a minute.
_PROBES = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)] + [
    (socket.IPPROTO_TCP, getattr(socket, name), value)
    for name, value in (("TCP_KEEPIDLE", 15), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3))
    if hasattr(socket, name)
]


class Upstream:
    """A server by its URL: the way to it, and how it does."""

    def __init__(self, url: str, patience: timedelta) -> None:
        self.url = url
        self.in_flight = 0
        self.chosen = 0
        """The number of the choice that last fell on it."""
        self._down_until = 0.0
        base = httpx.URL(url)
        self._base = base.copy_with(raw_path=b"/")
        self._prefix = base.raw_path.rstrip(b"/")
        self._timeout = {
            "connect": CONNECT_SECONDS,
            "read": patience.total_seconds(),
            "write": SEND_SECONDS,
            "pool": CONNECT_SECONDS,
        }
        self._transport = httpx.AsyncHTTPTransport(
            verify=_trust() if base.scheme == "https" else False,
            trust_env=False,
            limits=httpx.Limits(
                max_connections=None,
                max_keepalive_connections=_IDLE_CONNECTIONS,
                keepalive_expiry=KEEP_SECONDS,
            ),
            socket_options=_PROBES,
        )

    @property
    def is_up(self) -> bool:
        """Whether nothing failed there a moment ago."""
        return time.monotonic() >= self._down_until

    def failed(self) -> None:
        """Nobody listens there, or a connection was lost."""
        self._down_until = time.monotonic() + DOWN_SECONDS

    async def send(
        self, method: str, target: bytes, headers: list[tuple[bytes, bytes]], body: httpx.AsyncByteStream
    ) -> httpx.Response:
        """Send a request, and wait for the head of its response. To be closed by the caller.

        Args:
            target: path and query, byte for byte as the client sent it.

        Raises:
            httpx.TransportError: it could not be sent, or was not answered.
        """
        request = httpx.Request(
            method,
            self._base,
            headers=headers,
            stream=body,
            extensions={"target": self._prefix + target, "timeout": self._timeout},
        )
        return await self._transport.handle_async_request(request)

    async def close(self) -> None:
        await self._transport.aclose()


@cache
def _trust() -> ssl.SSLContext:
    """What the system trusts, or SSL_CERT_FILE."""
    return ssl.create_default_context()
