"""A network that fails: what goes through it can be cut, swallowed and delayed."""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

_CHUNK = 65_536


class _Link:
    """A connection of a client, and ours to the server."""

    def __init__(self, client: asyncio.StreamWriter, server: asyncio.StreamWriter) -> None:
        self._ends = (client, server)
        self.swallows = False
        """Whether the server's answers get lost."""

    def cut(self) -> None:
        for end in self._ends:
            end.transport.abort()


class Proxy:
    """Forwards a loopback port to another one, on a thread of its own, and is told by one other thread."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._links: set[_Link] = set()
        self._delay = 0.0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._thread.start()
        self._server = self._call(self._listen())
        self.port: int = self._server.sockets[0].getsockname()[1]

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _listen(self) -> asyncio.Server:
        return await asyncio.start_server(self._accept, "127.0.0.1", 0)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            from_server, to_server = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        link = _Link(writer, to_server)
        self._links.add(link)
        try:
            await asyncio.gather(
                self._forward(link, reader, to_server), self._forward(link, from_server, writer, answers=True)
            )
        finally:
            self._links.discard(link)

    async def _forward(
        self, link: _Link, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, answers: bool = False
    ) -> None:
        """Until one of the two ends; then both do."""
        with contextlib.suppress(OSError):
            while data := await source.read(_CHUNK):
                if self._delay:
                    await asyncio.sleep(self._delay)
                if not (answers and link.swallows):
                    sink.write(data)
                    await sink.drain()
        link.cut()

    # --- what goes wrong ------------------------------------------------------------------------

    def cut(self, part: float, seed: int) -> int:
        """Cut about this part of the connections at once. Answers how many."""
        return self._call(self._cut(part, seed))

    def swallow(self, part: float, seed: int) -> int:
        """Lose the server's answers to about this part of the connections. Answers how many."""
        return self._call(self._swallow(part, seed))

    def cut_swallowed(self) -> None:
        """End the connections whose answers are lost."""
        self._call(self._cut_swallowed())

    def delay(self, seconds: float) -> None:
        """Hold everything up for so long, in each direction."""
        self._delay = seconds

    def _chosen(self, part: float, seed: int) -> list[_Link]:
        chance = random.Random(seed)
        return [link for link in self._links if chance.random() < part]

    async def _cut(self, part: float, seed: int) -> int:
        chosen = self._chosen(part, seed)
        for link in chosen:
            link.cut()
        return len(chosen)

    async def _swallow(self, part: float, seed: int) -> int:
        chosen = self._chosen(part, seed)
        for link in chosen:
            link.swallows = True
        return len(chosen)

    async def _cut_swallowed(self) -> None:
        for link in list(self._links):
            if link.swallows:
                link.cut()

    def close(self) -> None:
        """End everything."""
        self._call(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _end(self) -> None:
        self._server.close()
        await asyncio.sleep(0.01)  # who was accepted just now gets a task
        while others := asyncio.all_tasks() - {asyncio.current_task()}:  # one may just be connecting
            await self._cut(1.0, 0)
            await asyncio.wait(others, timeout=0.05)
        await asyncio.sleep(0)  # transports that were aborted close in the next round
