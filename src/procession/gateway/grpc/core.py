"""What all calls share: the node, the event loop's inbox, and how much is under way."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from procession.broker import Inbox, Node
from procession.engine import commands as c
from procession.errors import NotReady, ProcessionError, ResourceExhausted
from procession.gateway.grpc.admission import Admission

log = logging.getLogger("procession.gateway")

KEY_SECONDS = 0.01
"""After which a node that is taking new keys is asked again for one."""
STOPPING = "this server is stopping; try another one, or again later"


class Core:
    """One node as the calls see it. Belongs to one event loop."""

    def __init__(self, node: Node, inbox: Inbox) -> None:
        self.node = node
        self.inbox = inbox
        self.loop = inbox.loop
        self.admission = Admission()
        self.stopping = False
        self.host, self.port = "", 0
        """Where it can be reached, as far as it knows."""
        self._open: set[Callable[[], None]] = set()

    async def submit(self, command: c.Command, size: int = 0) -> Any:
        """Have a command carried out, however much is under way."""
        with self.admission.always():
            return await self.node.submit(command, self.inbox, size)

    async def begin(self, command: c.Command, size: int = 0) -> Any:
        """Have a command carried out that makes new work.

        Raises:
            ResourceExhausted: too much is under way.
        """
        with self.admission.new_work(self.inbox.lag_seconds):
            return await self.node.submit(command, self.inbox, size)

    async def run(
        self, command: c.StartInstance, size: int = 0
    ) -> tuple[c.Started, asyncio.Future[dict[str, str]]]:
        """Have an instance started; with it comes what is settled with its variables once it has ended.

        Raises:
            ResourceExhausted: too much is under way.
        """
        with self.admission.new_work(self.inbox.lag_seconds):
            starting, ended = self.node.run(command, self.inbox, size)
            return await starting, ended

    async def new_key(self) -> int:
        """A key for something that has no record."""
        while True:
            try:
                return self.node.set_key_aside()
            except ResourceExhausted:
                await asyncio.sleep(KEY_SECONDS)

    # --- what stays open ------------------------------------------------------------------------

    def opened(self, end: Callable[[], None]) -> None:
        """Something waits that has to end when the server stops: `end` makes it.

        Raises:
            NotReady: the server is stopping.
        """
        if self.stopping:
            raise NotReady(STOPPING)
        self._open.add(end)

    def closed(self, end: Callable[[], None]) -> None:
        self._open.discard(end)

    def stop(self) -> None:
        """End what waits."""
        self.stopping = True
        for end in list(self._open):
            end()


Unary = Callable[[Core, Any], Awaitable[Any]]
Streaming = Callable[[Core, Any, Any], Awaitable[None]]


def internal(command: str, error: Exception) -> str:
    """Log a fault of ours; answers what the client is told."""
    if isinstance(error, ProcessionError):
        log.error("command %s failed: %s", command, error, exc_info=error)
    else:
        log.exception("command %s failed unexpectedly", command)
    return f"Command '{command}' failed: Unexpected error in the server; its log says more"
