"""The port to an engine: what the app, its workers and its instances need of one."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

from procession.broker import Inbox, IncidentNotice, JobStream, Readiness
from procession.client.deployment import Deployment
from procession.engine import commands as c
from procession.errors import ProcessionError, Unsupported

if TYPE_CHECKING:
    from collections.abc import Callable

    import sqlalchemy as sa
    from sqlalchemy.ext.asyncio import AsyncConnection

Listener: TypeAlias = "Callable[[IncidentNotice], object]"
"""Called on the inbox's event loop with each incident that this engine made (embedded), or that an answer
of ours to a job made, as far as that is known here (remote)."""


class Backend(ABC):
    """An engine in this process, or the way to one elsewhere. It belongs to the inbox's event loop.

    Once closed, everything raises `NotReady`.
    """

    inbox: Inbox

    @abstractmethod
    def submit(self, command: c.Command, size: int = 0) -> asyncio.Future[Any]:
        """Ask for a command with `size` bytes of variables; the future is settled when it is durable.

        Raises:
            InvalidInput: a name or key in it cannot be stored.
            ResourceExhausted: too much is waiting already.
            Unsupported: this engine cannot do it.
        """

    @abstractmethod
    def tell(
        self,
        command: c.Command,
        refused: Callable[[Any, c.Command, ProcessionError], object] | None = None,
        *,
        about: Any = None,
        frees: JobStream | None = None,
    ) -> None:
        """Ask for a command nobody waits for; `refused` hears of it, with `about`, only if it fails.

        `frees` is the stream whose job this answers: it can take another one.

        Raises:
            InvalidInput: a name or key in it cannot be stored.
        """

    @abstractmethod
    async def deploy(self, files: Mapping[str, bytes]) -> Deployment:
        """Deploy files (name -> content), all or none.

        Raises:
            DeploymentRejected: they have faults.
        """

    @abstractmethod
    def watch(self, key: int) -> asyncio.Future[dict[str, str]]:
        """A future for the root variables (JSON texts) of an instance, settled when it has ended.

        It fails with `NotFound`, with `Aborted` if the instance was terminated, or with `Unsupported`.
        """

    @abstractmethod
    async def run(self, command: c.StartInstance, size: int, timeout: timedelta) -> dict[str, str]:
        """Start an instance and wait for its root variables (JSON texts).

        Raises:
            DeadlineExceeded: it has not ended within `timeout`.
            Aborted: it was cancelled.
        """

    @abstractmethod
    def open_stream(self, stream: JobStream) -> None:
        """Bring jobs to a stream, never more than its credits."""

    @abstractmethod
    def request(self, stream: JobStream, count: int) -> None:
        """Let the stream take `count` more jobs."""

    @abstractmethod
    def close_stream(self, stream: JobStream) -> asyncio.Future[None]:
        """Hand nothing more to the stream; the future is settled when that is certain."""

    async def connected(self) -> None:  # noqa: B027  # an engine in this process always has
        """Wait until the engine has answered for the first time.

        Raises:
            ProcessionError: it refuses.
        """

    @abstractmethod
    def now(self) -> int:
        """The engine's time in epoch milliseconds, as far as it is known here: leases end by it."""

    @abstractmethod
    def readiness(self) -> Readiness:
        """Whether it can work. Any thread may ask."""

    @abstractmethod
    async def close(self) -> None:
        """Finish what was asked for, then let go of everything."""

    # --- what needs the database itself -----------------------------------------------------------

    def reader(self, capability: str) -> sa.Engine:
        """The database for searches.

        Raises:
            Unsupported: there is none; the error names the capability.
        """
        _refuse(capability)

    async def set_key_aside(self) -> int:
        """A key that a record may have before it is committed.

        Raises:
            ResourceExhausted: none was to be had within two seconds.
            Unsupported: the records are elsewhere.
        """
        _refuse("joining the transaction of `connection=`")

    def next_key(self) -> asyncio.Future[int]:
        """A future for a key above all those that any node has taken until now.

        Raises:
            Unsupported: the records are elsewhere.
        """
        _refuse("an order of starts")

    def when_jobs(self, type_: str) -> asyncio.Future[None]:
        """A future settled when a job of the type may have been made; it may come for nothing, or not at all.

        Raises:
            Unsupported: the records are elsewhere.
        """
        _refuse("waiting for jobs without leasing them")

    async def write(self, connection: sa.Connection | AsyncConnection, command: c.Command) -> int:
        """Write a command inside the caller's transaction; answers its row's key (see `is_waiting`).

        Raises:
            InvalidInput: the connection is not to a database with Procession's tables, or a name or
                key cannot be stored.
            Unsupported: the records are elsewhere.
        """
        _refuse("joining the transaction of `connection=`")

    async def is_waiting(self, command_key: int) -> bool:
        """Whether a command row was committed and is still to be carried out."""
        _refuse("looking at the command table")


def _refuse(capability: str) -> NoReturn:
    raise Unsupported(
        f"{capability} needs the database; a remote server's gRPC cannot do it: "
        "ask where that server's data are (for Procession's own: its database URL)"
    )
