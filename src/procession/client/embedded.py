"""The engine in this process: a node on a database."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from procession.broker import Inbox, JobStream, Node, Readiness, prepare
from procession.client import joining
from procession.client.backend import Backend, Listener
from procession.client.deployment import DefinitionInfo, Deployment
from procession.engine import commands as c
from procession.errors import DeadlineExceeded, ProcessionError

if TYPE_CHECKING:
    import sqlalchemy as sa
    from sqlalchemy.ext.asyncio import AsyncConnection

    from procession.storage.port import Storage


class Embedded(Backend):
    """A node of one's own."""

    def __init__(self, node: Node, inbox: Inbox, url: str) -> None:
        self.node = node
        self.inbox = inbox
        self.url = url

    @classmethod
    async def open(cls, url: str, *, serve: bool, upgrade: bool, on_incident: Listener | None = None) -> Self:
        """Open the database and start a node on it.

        Raises:
            SchemaMismatch: a newer Procession made the tables, or they need an upgrade and may not get it.
            StorageError: the database cannot be used.
        """
        storage = await asyncio.to_thread(_open, url, upgrade)
        node = Node(storage, serve=serve)
        inbox = Inbox(asyncio.get_running_loop())
        if on_incident is not None:
            node.on_incidents = partial(inbox.call_each, on_incident)
        node.start()
        return cls(node, inbox, url)

    @property
    def storage(self) -> Storage:
        return self.node.storage

    def submit(self, command: c.Command, size: int = 0) -> asyncio.Future[Any]:
        return self.node.submit(command, self.inbox, size)

    def tell(
        self,
        command: c.Command,
        refused: Callable[[Any, c.Command, ProcessionError], object] | None = None,
        *,
        about: Any = None,
        frees: JobStream | None = None,
    ) -> None:
        self.node.tell(command, self.inbox, refused, about=about, frees=frees)

    async def deploy(self, files: Mapping[str, bytes]) -> Deployment:
        command, warnings = await asyncio.to_thread(prepare, files)
        deployed = await self.submit(command)
        definitions = [
            DefinitionInfo(
                key=definition.key,
                process_id=definition.process_id,
                version=definition.version,
                name=definition.name,
                resource_name=definition.resource_name,
            )
            for definition in deployed
        ]
        return Deployment(definitions=definitions, warnings=warnings)

    def watch(self, key: int) -> asyncio.Future[dict[str, str]]:
        return self.node.watch(key, self.inbox)

    async def run(self, command: c.StartInstance, size: int, timeout: timedelta) -> dict[str, str]:
        starting, ended = self.node.run(command, self.inbox, size)
        started = await starting
        try:
            return await asyncio.wait_for(ended, timeout.total_seconds())
        except TimeoutError:
            raise DeadlineExceeded(
                f"process instance {started.key} has not ended within {timeout}; it goes on", key=started.key
            ) from None

    def open_stream(self, stream: JobStream) -> None:
        self.node.open_stream(stream)

    def request(self, stream: JobStream, count: int) -> None:
        self.node.request(stream, count)

    def close_stream(self, stream: JobStream) -> asyncio.Future[None]:
        return self.node.close_stream(stream, self.inbox)

    def now(self) -> int:
        return self.node.now()

    def readiness(self) -> Readiness:
        return self.node.health.readiness()

    async def close(self) -> None:
        await asyncio.to_thread(self.node.stop)

    def when_idle(self) -> asyncio.Future[None]:
        """See `Node.when_idle`."""
        return self.node.when_idle(self.inbox)

    # --- what needs the database itself -----------------------------------------------------------

    def reader(self, capability: str) -> sa.Engine:
        return self.storage.reader()

    async def set_key_aside(self) -> int:
        return await joining.key_aside(self.node)

    def next_key(self) -> asyncio.Future[int]:
        return self.node.next_key(self.inbox)

    def when_jobs(self, type_: str) -> asyncio.Future[None]:
        return self.node.when_jobs(type_, self.inbox)

    async def write(self, connection: sa.Connection | AsyncConnection, command: c.Command) -> int:
        return await joining.write_command(self, connection, command)

    async def is_waiting(self, command_key: int) -> bool:
        return await asyncio.to_thread(joining.is_waiting, self.storage, command_key)


def _open(url: str, upgrade: bool) -> Storage:
    from procession.storage import open_storage

    return open_storage(url, upgrade=upgrade)
