"""A gateway, and servers behind it, all in the test's process and on its event loop."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, MutableMapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Any

import httpx
import uvicorn

from procession.gateway.api.server import ApiGateway
from procession.gateway.listen import Listen
from procession.operations.registry import Announced, Registry

PATIENCE = 60.0
"""Seconds nothing here should ever need."""
HOST = "127.0.0.1"
V1 = [("open-account", "v1")]
V2 = [("open-account", "v2")]

Scope = MutableMapping[str, Any]
Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
App = Callable[[Scope, Any, Any], Awaitable[None]]


class World:
    """What a test has: a registry, servers, gateways. All end with the test."""

    def __init__(self, url: str, stack: AsyncExitStack) -> None:
        self.url = url
        self.stack = stack
        self.registry = Registry(url)
        stack.push_async_exit(self.registry)

    async def announce(self, url: str, serves: Collection[tuple[str, str]] = V1) -> Announced:
        announced = self.registry.announce(serves=serves, url=url, notice=timedelta(0))
        return await self.stack.enter_async_context(announced)

    async def server(self, app: App, serves: Collection[tuple[str, str]] = V1) -> Announced:
        """A server that is announced."""
        url = await self.stack.enter_async_context(serving(app))
        return await self.announce(url, serves)

    async def raw_server(self, talk: Talk) -> Announced:
        """A server whose connections are a function, announced."""
        server = await asyncio.start_server(talk, HOST, 0)
        await self.stack.enter_async_context(server)
        return await self.announce(f"http://{HOST}:{server.sockets[0].getsockname()[1]}")

    async def gateway(self, **options: Any) -> ApiGateway:
        listen = options.pop("listen", Listen(host=HOST, port=0))
        return await self.stack.enter_async_context(ApiGateway(self.url, listen, **options))

    async def client(self, **options: Any) -> httpx.AsyncClient:
        """A client of a gateway of its own."""
        gateway = await self.gateway(**options)
        return await self.stack.enter_async_context(client_of(gateway))


def client_of(gateway: ApiGateway) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=f"http://{HOST}:{gateway.port}", timeout=PATIENCE, trust_env=False)


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def serving(app: App) -> AsyncIterator[str]:
    """An ASGI application on a port of the loopback; its URL."""
    with socket.create_server((HOST, 0)) as bound:
        config = uvicorn.Config(app, log_config=None, log_level="critical", lifespan="off", ws="none")
        server = _Server(config)
        running = asyncio.create_task(server.serve([bound]))
        yield f"http://{HOST}:{bound.getsockname()[1]}"
        server.should_exit = server.force_exit = True
        await running


async def read(receive: Any) -> bytes:
    """The whole body of a request."""
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            return body


async def answer(send: Any, body: bytes, *headers: tuple[bytes, bytes], status: int = 200) -> None:
    await send({"type": "http.response.start", "status": status, "headers": list(headers)})
    await send({"type": "http.response.body", "body": body})


def named(name: str) -> App:
    """Answers with its name."""

    async def app(scope: Scope, receive: Any, send: Any) -> None:
        await read(receive)
        await answer(send, name.encode())

    return app


class Recorder:
    """Answers "done", and remembers what it was asked."""

    def __init__(self) -> None:
        self.scopes: list[Scope] = []
        self.bodies: list[bytes] = []

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        self.scopes.append(scope)
        self.bodies.append(await read(receive))
        await answer(send, b"done")

    def header(self, name: str) -> list[str]:
        """Of the last request."""
        return [value.decode() for key, value in self.scopes[-1]["headers"] if key == name.encode()]


async def until(true: Callable[[], Awaitable[bool] | bool]) -> None:
    """Wait until something has come about."""
    async with asyncio.timeout(PATIENCE):
        while True:
            found = true()
            if found if isinstance(found, bool) else await found:
                return
            await asyncio.sleep(0.02)
