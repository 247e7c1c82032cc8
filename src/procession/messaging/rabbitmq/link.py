"""The connection to the broker: made when it is needed, and again when it has to be."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import aio_pika
import aiormq

from procession.errors import NotReady
from procession.messaging.addresses import shown

if TYPE_CHECKING:
    from aio_pika.abc import AbstractChannel, AbstractConnection
    from aiormq.abc import FieldTable

CONNECT_SECONDS = 10
CLOSE_SECONDS = 5
HEARTBEAT_SECONDS = 20
"""A peer that is silent for twice as long is gone."""

# What the library raises for a connection that is closed already is a bare RuntimeError.
_LOST = (aiormq.exceptions.AMQPError, OSError, TimeoutError, RuntimeError)


class _Connection(aio_pika.Connection):
    """Is closed by us only: the library's would start a coroutine from wherever it is collected."""

    def __del__(self) -> None:
        return


class Link:
    """One connection, shared by all channels of a transport."""

    def __init__(self, url: str) -> None:
        self.name = shown(url)
        separator = "&" if "?" in url else "?"
        self._url = url if "heartbeat=" in url else f"{url}{separator}heartbeat={HEARTBEAT_SECONDS}"
        self._connection: AbstractConnection | None = None
        self._connecting = asyncio.Lock()
        self._closed = False

    async def channel(self, *, confirms: bool = True) -> AbstractChannel:
        """A new channel, open. The caller closes it.

        Raises:
            NotReady: the broker cannot be reached.
        """
        async with self.reaching():
            connection = await self._connected()
            try:
                channel = connection.channel(publisher_confirms=confirms, on_return_raises=confirms)
                async with asyncio.timeout(CONNECT_SECONDS):
                    await channel.initialize()
            except BaseException:
                await self._give_up(connection)
                raise
            return channel

    async def _connected(self) -> AbstractConnection:
        async with self._connecting:
            if self._closed:
                raise NotReady(f"the connection to {self.name} was closed; open another transport")
            if self._connection is not None and self._connection.connected.is_set():
                return self._connection
            if self._connection is not None:
                await self._give_up(self._connection)
            properties: FieldTable = {"connection_name": "procession"}
            self._connection = await aio_pika.connect(
                self._url,
                timeout=CONNECT_SECONDS,
                client_properties=properties,
                connection_class=_Connection,
            )
            return self._connection

    async def _give_up(self, connection: AbstractConnection) -> None:
        """Close what opens no channel, or is lost."""
        if self._connection is connection:
            self._connection = None
        with suppress(*_LOST):
            async with asyncio.timeout(CLOSE_SECONDS):
                await connection.close()

    @asynccontextmanager
    async def reaching(self) -> AsyncIterator[None]:
        """Turn what the library raises when the broker is away into one error.

        Raises:
            NotReady: it is.
        """
        try:
            yield
        except _LOST as error:
            raise NotReady(f"{self.name} cannot be reached: {_said(error)}") from error
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            # The library cancels those who wait for an answer when the connection is lost.
            raise NotReady(f"{self.name} cannot be reached: the connection was lost") from error

    async def close(self) -> None:
        self._closed = True
        if self._connection is not None:
            with suppress(*_LOST):
                await self._connection.close()


def _said(error: BaseException) -> str:
    return str(error) or type(error).__name__


async def close(channel: AbstractChannel) -> None:
    """Close a channel, whatever state it is in; a broker that does not answer is not waited for."""
    with suppress(*_LOST):
        async with asyncio.timeout(CLOSE_SECONDS):
            await channel.close()
