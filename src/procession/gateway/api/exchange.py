"""A request of a client, and the answer to it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import unquote_to_bytes

import httpx

from procession.gateway.api import headers
from procession.gateway.api.answers import Answer
from procession.gateway.api.body import Receive, RequestBody

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

# RFC 9110 9.2.2
_IDEMPOTENT = frozenset(("GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"))
_IDEMPOTENCY_KEY = b"idempotency-key"


class Exchange:
    """One request of a client as ASGI gives it, and what was answered."""

    def __init__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        self._scope = scope
        self._send = send
        self._headers: headers.Headers = scope["headers"]
        self.method: str = scope["method"]
        self.path: bytes = scope["raw_path"]
        """As the client sent it."""
        self.body = RequestBody(receive, expected=self._has_body())
        self.status: int | None = None
        """Of the answer, once it has begun."""

    def _has_body(self) -> bool:
        length = headers.value(self._headers, b"content-length") or b"0"
        return length != b"0" or headers.value(self._headers, b"transfer-encoding") is not None

    @property
    def target(self) -> bytes:
        """Path and query, as the client sent them."""
        query: bytes = self._scope["query_string"]
        return self.path + (b"?" + query if query else b"")

    @property
    def segments(self) -> list[bytes]:
        """Of the path, as they were sent."""
        return self.path.split(b"/")[1:]

    @property
    def has_dot_segments(self) -> bool:
        return any(unquote_to_bytes(segment) in (b".", b"..") for segment in self.segments)

    @property
    def may_repeat(self) -> bool:
        """Whether it may be sent once more though a server may have carried it out."""
        keyed = bool(headers.value(self._headers, _IDEMPOTENCY_KEY))
        return (keyed or self.method in _IDEMPOTENT) and self.body.repeatable

    def headers_to_server(self, *, trusted: bool) -> headers.Headers:
        client = self._scope.get("client") or ("",)
        return headers.to_server(
            self._headers, client=client[0], scheme=self._scope["scheme"], trusted=trusted
        )

    async def answer(self, answer: Answer) -> None:
        """Answer it ourselves."""
        self.status = answer.status
        await self._send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
        await self._send({"type": "http.response.body", "body": answer.body})

    async def pass_back(self, response: httpx.Response) -> None:
        """Answer with what a server answers, as it comes; asks for more when the client has taken it.

        Raises:
            httpx.TransportError: the server was lost in the middle.
        """
        self.body.leave()
        self.status = response.status_code
        sent = headers.to_client(response.headers.raw)
        await self._send({"type": "http.response.start", "status": self.status, "headers": sent})
        async for piece in response.aiter_raw():
            await self._send({"type": "http.response.body", "body": piece, "more_body": True})
        await self._send({"type": "http.response.body", "body": b""})
