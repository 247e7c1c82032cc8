"""The running component: connects in the background, and takes calls once it has."""

from __future__ import annotations

import asyncio
import logging
import random
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Self

from procession.broker import IncidentNotice, Readiness
from procession.client.app import Procession
from procession.client.commands import DEFAULT_RUN
from procession.client.instance import Instance
from procession.client.remote import is_remote
from procession.errors import (
    DeadlineExceeded,
    InvalidInput,
    NotAllowed,
    NotReady,
    ProcessionError,
    Unsupported,
)
from procession.operations.alerts import AlertDesk, incident_alert
from procession.operations.alerts.incident import next_step
from procession.storage.urls import shown

log = logging.getLogger("procession.workflow")

FIRST_WAIT = 0.5
LONGEST_WAIT = 30.0
"""Seconds between two attempts to connect."""
DENIED_WAIT = 600.0
"""The longest, where the server refuses the credentials: somebody has to see to them first."""
POLL_SECONDS = 0.05
"""Between two looks at the app's health, by those who wait until it is ready."""


class Workflow:
    """A service's part in processes; made by `WorkflowBuilder.run`. Use it as an async context manager."""

    def __init__(self, app: Procession, service: str, desk: AlertDesk, *, event_ttl: timedelta) -> None:
        self.service = service
        self._app = app
        self._desk = desk
        self._event_ttl = event_ttl
        self._address = shown(app.url)
        self._connecting: asyncio.Task[None] | None = None
        self._connected = asyncio.Event()
        self._closing = asyncio.Event()
        self._since = datetime.now(UTC)
        self._reason = "it has not been reached yet"
        self._refused: ProcessionError | None = None
        """Why trying again to connect would not help."""
        self._denied: NotAllowed | None = None
        """The server's last word, if it refused the credentials."""
        app.on_incident(self._alert)

    def open(self) -> None:
        """Begin to connect, on the running event loop."""
        self._desk.open()
        self._connecting = asyncio.create_task(self._connect())

    # --- connecting -----------------------------------------------------------------------------

    async def _connect(self) -> None:
        wait, longest = FIRST_WAIT, LONGEST_WAIT
        while not self._closing.is_set():
            try:
                await self._app.__aenter__()
            except (InvalidInput, Unsupported) as error:
                log.error("%s cannot run on %s: %s", self.service, self._address, error)
                self._refused, self._reason = error, str(error)
                self._connected.set()
                return
            except NotAllowed as error:
                log.error(
                    "%s is refused by %s, see to its credentials: %s", self.service, self._address, error
                )
                self._denied, self._reason = error, f"it refuses the credentials: {error}"
                wait, longest = max(wait, LONGEST_WAIT), DENIED_WAIT
            except (ProcessionError, OSError) as error:
                log.warning("%s cannot reach %s, trying again: %s", self.service, self._address, error)
                self._denied, self._reason = None, str(error)
                longest = LONGEST_WAIT
            else:
                log.info("%s is connected to %s", self.service, self._address)
                self._connected.set()
                return
            await self._pause(wait * random.uniform(0.5, 1))
            wait = min(wait * 2, longest)

    async def _pause(self, seconds: float) -> None:
        closing = asyncio.create_task(self._closing.wait())
        await asyncio.wait({closing}, timeout=seconds)
        closing.cancel()

    def readiness(self) -> Readiness:
        """Whether it can work, since when, and if not, why: for health checks."""
        if self._connected.is_set() and self._refused is None:
            return self._app.readiness()
        return Readiness(ready=False, since=self._since, reason=f"{self._address}: {self._reason}")

    @property
    def ready(self) -> bool:
        """Whether it is connected, its processes are deployed, and the server works."""
        return self.readiness().ready

    async def wait_until_ready(self, timeout: timedelta | None = None) -> None:
        """Wait until it can work.

        Raises:
            DeadlineExceeded: not within `timeout` (None: no limit); it goes on trying.
            InvalidInput, Unsupported: the server refused what is deployed, or the address is wrong: it has
                given up.
            NotAllowed: the server refuses the credentials; it tries again, ever more rarely.
            NotReady: it was closed.
        """
        try:
            async with asyncio.timeout(None if timeout is None else timeout.total_seconds()):
                await self._until_ready()
        except TimeoutError:
            reason = self.readiness().reason
            raise DeadlineExceeded(f"{self.service} is not ready after {timeout}: {reason}") from None

    async def _until_ready(self) -> None:
        while not self.ready:
            if self._refused is not None:
                raise self._refused
            if self._denied is not None and not self._connected.is_set():
                raise self._denied
            if self._closing.is_set():
                raise NotReady(f"{self.service} was closed")
            await self._pause(POLL_SECONDS)

    @property
    def app(self) -> Procession:
        """The app beneath, for everything that is not here.

        Raises:
            NotReady: it has not been connected yet, or was closed.
        """
        if self._closing.is_set():
            raise NotReady(f"{self.service} was closed")
        if self._refused is not None:
            raise NotReady(f"{self.service} cannot run on {self._address}: {self._reason}") from self._refused
        if not self._connected.is_set():
            raise NotReady(
                f"{self.service} is not connected to {self._address} yet ({self._reason}); it keeps trying:"
                " call again later, or await wait_until_ready() first"
            )
        return self._app

    # --- commands -------------------------------------------------------------------------------

    async def start(self, process_id: str, variables: Any = None, *, version: int | None = None) -> Instance:
        """Start a process instance; see `Procession.start`.

        Raises:
            NotReady: it is not connected yet.
        """
        return await self.app.start(process_id, variables, version=version)

    async def run(
        self, process_id: str, variables: Any = None, *, timeout: timedelta = DEFAULT_RUN
    ) -> dict[str, Any]:
        """Start a process instance and wait for its result; see `Procession.run`.

        Raises:
            NotReady: it is not connected yet.
        """
        return await self.app.run(process_id, variables, timeout=timeout)

    async def publish(
        self,
        event: str,
        *,
        correlation_key: str = "",
        variables: Any = None,
        ttl: timedelta | None = None,
        message_id: str | None = None,
    ) -> int:
        """Publish an event (a BPMN message); see `Procession.publish`.

        Args:
            ttl: how long it waits for those who are to get it; None means the config's `event_ttl`.

        Raises:
            NotReady: it is not connected yet.
            AlreadyExists: as `Procession.publish`.
        """
        return await self.app.publish(
            event,
            correlation_key=correlation_key,
            variables=variables,
            ttl=self._event_ttl if ttl is None else ttl,
            message_id=message_id,
        )

    async def cancel(self, key: int) -> None:
        """Cancel a process instance; see `Procession.cancel`.

        Raises:
            NotReady: it is not connected yet.
        """
        await self.app.cancel(key)

    # --- alerts ---------------------------------------------------------------------------------

    def _alert(self, notice: IncidentNotice) -> None:
        step = next_step(notice, None if is_remote(self._app.url) else self._address)
        self._desk.hand_in(incident_alert(self.service, notice, step))

    # --- leaving --------------------------------------------------------------------------------

    async def close(self) -> None:
        """Take no more tasks, let handlers finish, send what alerts there are, disconnect."""
        if self._closing.is_set():
            return
        self._closing.set()
        try:
            if self._connecting is not None:
                await asyncio.wait({self._connecting}, timeout=self._app.grace.total_seconds())
                self._connecting.cancel()  # an attempt that takes too long
                await asyncio.gather(self._connecting, return_exceptions=True)
            await self._app.__aexit__(None, None, None)
        finally:
            await self._desk.close(self._app.grace)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
