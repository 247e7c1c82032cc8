"""The body of a request on its way through, in pieces, never as a whole."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any

import httpx

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

KEPT_BYTES = 64 * 1024
"""A body up to this size can be sent once more, to another server."""
RECEIVE_SECONDS = 60.0
"""A client that sends nothing of its body for so long is given up."""


class ClientGone(Exception):
    """The client has closed the connection: nobody waits for an answer."""


class ClientSlow(Exception):
    """The client has begun a body and does not go on."""


class RequestBody(httpx.AsyncByteStream):
    """Passes on what the client sends as it comes; asks for the next piece when the server has taken one.

    What was passed on is kept while it is short, so that it can be sent to another server.
    """

    def __init__(self, receive: Receive, *, expected: bool) -> None:
        self._receive = receive
        self._kept: list[bytes] | None = []
        self._size = 0
        self._complete = not expected
        self._left = asyncio.Event()
        """Nobody reads pieces any more."""
        if not expected:
            self._left.set()

    @property
    def repeatable(self) -> bool:
        """Whether all that was passed on can be passed on again."""
        return self._kept is not None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._kept or ():
            yield piece
        while not self._complete:
            piece = await self._next()
            self._keep(piece)
            if piece:
                yield piece
        self._left.set()

    async def _next(self) -> bytes:
        try:
            message = await asyncio.wait_for(self._receive(), RECEIVE_SECONDS)
        except TimeoutError:
            raise ClientSlow from None
        if message["type"] == "http.disconnect":
            raise ClientGone
        self._complete = not message.get("more_body", False)
        piece: bytes = message.get("body", b"")
        return piece

    def _keep(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._size > KEPT_BYTES:
            self._kept = None
        elif self._kept is not None:
            self._kept.append(piece)

    def leave(self) -> None:
        """The server has answered: what else comes of the body is dropped."""
        self._left.set()

    async def gone(self) -> None:
        """Wait until the client has closed the connection. Begins when the body was passed on."""
        await self._left.wait()
        while (await self._receive())["type"] != "http.disconnect":
            pass
