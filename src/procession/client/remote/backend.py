"""A remote server as the app's engine."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Coroutine, Mapping
from datetime import timedelta
from typing import Any, Self

import msgspec

from procession.broker import ActivatedJob, Inbox, JobStream, Readiness
from procession.client.backend import Backend, Listener
from procession.client.credentials import Credentials
from procession.client.deployment import DefinitionInfo, Deployment
from procession.client.remote.address import parse
from procession.client.remote.channel import Channel
from procession.client.remote.incidents import fails_for_good, notice
from procession.client.remote.jobs import read_variables
from procession.client.remote.leases import Held, Leases
from procession.client.remote.pump import Pump
from procession.client.remote.requests import Call, call_of, start_request
from procession.client.remote.stubs import pb
from procession.engine import commands as c
from procession.errors import (
    AlreadyExists,
    DeadlineExceeded,
    DeploymentRejected,
    InvalidInput,
    NotFound,
    NotReady,
    ProcessionError,
    ResourceExhausted,
    Unsupported,
    WrongState,
)
from procession.model import Fault

log = logging.getLogger("procession.remote")

REQUEST_SECONDS = 20.0
"""Zeebe itself gives up after 15."""
REPEAT_SECONDS = 10.0
"""How long a caller's command is repeated after the connection broke in the middle of it."""
CLOSE_SECONDS = 5.0
"""How long leaving waits for answers that are on their way."""
WATCH_SECONDS = 60.0
PAUSE_SECONDS = (0.1, 2.0)
"""Between two tries of the same answer: the first, and the longest."""
BROKEN = (NotReady, DeadlineExceeded)
PASSING = (NotReady, DeadlineExceeded, ResourceExhausted)
"""Errors that an answer to a job outlasts, as long as its lease does."""

Refused = Callable[[Any, c.Command, ProcessionError], object]


class Remote(Backend):
    """Commands and jobs over one connection; made on the event loop that it serves."""

    def __init__(
        self, url: str, credentials: Credentials | None = None, on_incident: Listener | None = None
    ) -> None:
        self.url = url
        self._on_incident = on_incident
        self.inbox = Inbox(asyncio.get_running_loop())
        self._channel = Channel(parse(url), credentials)
        self._leases = Leases()
        self._pumps: dict[JobStream, Pump] = {}
        self._asked: set[asyncio.Task[Any]] = set()
        self._watching: set[asyncio.Task[dict[str, str]]] = set()

    @classmethod
    async def open(
        cls,
        url: str,
        credentials: Credentials | None,
        connect_timeout: timedelta | None,
        on_incident: Listener | None = None,
    ) -> Self:
        """Connect; with a `connect_timeout` of None in the background.

        Raises:
            NotReady: there was no connection within `connect_timeout`.
            NotAllowed: the server refuses the credentials.
        """
        backend = cls(url, credentials, on_incident)
        try:
            if connect_timeout is not None:
                await asyncio.wait_for(backend.connected(), connect_timeout.total_seconds())
        except TimeoutError:
            await backend.close()
            raise NotReady(
                f"server {backend._channel.target} could not be reached within {connect_timeout}"
            ) from None
        except BaseException:
            await backend.close()
            raise
        return backend

    async def connected(self) -> None:
        """Wait until the server has answered for the first time.

        Raises:
            ProcessionError: it refuses.
        """
        pause = PAUSE_SECONDS[0]
        while True:
            try:
                await self._channel.greet()
            except PASSING as error:
                log.info("%s does not answer yet: %s", self._channel.target, error)
                await asyncio.sleep(pause)
                pause = min(pause * 2, PAUSE_SECONDS[1])
            else:
                return

    # --- commands ---------------------------------------------------------------------------------

    def submit(self, command: c.Command, size: int = 0) -> asyncio.Future[Any]:
        self._channel.check()
        c.check(command)
        return self._spawn(self._carry_out(command))

    async def _carry_out(self, command: c.Command) -> Any:
        held = self._leases.check(command)
        call = call_of(command, held)
        end = time.monotonic() + REPEAT_SECONDS
        broke = False
        while True:
            was_connected = self._channel.connected
            try:
                answer = await self._channel.ask(call.name, call.request, REQUEST_SECONDS, wait=broke)
            except NotFound as error:
                if not broke:
                    raise
                if not call.gone_is_done:
                    raise _doubtful(error) from error
                return None
            except AlreadyExists as error:
                raise _doubtful(error) if broke else error from error
            except BROKEN as error:
                if not (call.repeats and was_connected and time.monotonic() < end):
                    raise
                log.info("%s is sent again: %s", call.name, error)
                broke = True
                await asyncio.sleep(random.uniform(*PAUSE_SECONDS) / 2)
                self._leases.check(command)
            else:
                self._settle(command, held)
                return call.answer(answer)

    def tell(
        self,
        command: c.Command,
        refused: Refused | None = None,
        *,
        about: Any = None,
        frees: JobStream | None = None,
    ) -> None:
        self._channel.check()
        c.check(command)
        self._spawn(self._tell(command, refused, about))
        if frees is not None:
            self.request(frees, 1)

    async def _tell(self, command: c.Command, refused: Refused | None, about: Any) -> None:
        """An answer to a job is repeated as long as its lease lasts: whoever told it does not wait."""
        try:
            held = self._leases.check(command)
            asked = self._leases.clock.now()
            await self._insist(call_of(command, held), command)
            if isinstance(command, c.UpdateJob) and command.timeout is not None and held is not None:
                self._leases.renew(command.key, held.lease, asked + command.timeout)
            else:
                self._settle(command, held)
                self._tell_incident(command, about)
        except ProcessionError as error:
            if isinstance(error, NotFound | WrongState):
                self._forget(command)
            if refused is not None:
                refused(about, command, error)
            else:
                log.info("%s was not carried out: %s", type(command).__name__, error)

    async def _insist(self, call: Call, command: c.Command) -> None:
        pause, longest = PAUSE_SECONDS
        broke = False
        while True:
            try:
                await self._channel.ask(call.name, call.request, REQUEST_SECONDS)
                return
            except WrongState:
                if broke and fails_for_good(command):
                    return  # the first try, whose answer was lost, has done it
                raise
            except PASSING as error:
                if not call.repeats:
                    raise
                log.info("%s is sent again: %s", call.name, error)
                broke = True
                await asyncio.sleep(pause * random.uniform(0.8, 1.2))
                pause = min(pause * 2, longest)
                self._leases.check(command)

    def _tell_incident(self, command: c.Command, about: Any) -> None:
        if self._on_incident is not None and fails_for_good(command) and isinstance(about, ActivatedJob):
            self._on_incident(notice(command, about))

    def _settle(self, command: c.Command, held: Held | None) -> None:
        if held is not None:
            self._forget(command)

    def _forget(self, command: c.Command) -> None:
        lease = getattr(command, "lease", None)
        if lease is not None:
            self._leases.end(command.key, lease)  # type: ignore[attr-defined]  # what has a lease has a key

    def _spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = self.inbox.loop.create_task(work)
        self._asked.add(task)
        task.add_done_callback(self._asked.discard)
        return task

    # --- deployments ------------------------------------------------------------------------------

    async def deploy(self, files: Mapping[str, bytes]) -> Deployment:
        if not files:
            raise InvalidInput("there is nothing to deploy: name at least one file")
        self._channel.check()
        resources = [pb.Resource(name=name, content=content) for name, content in files.items()]
        request = pb.DeployResourceRequest(resources=resources)
        try:
            response = await self._channel.ask("DeployResource", request, REQUEST_SECONDS)
        except InvalidInput as error:
            fault = Fault(resource=", ".join(files), message=error.message)
            raise DeploymentRejected([fault]) from error
        definitions = [
            DefinitionInfo(
                key=one.process.processDefinitionKey,
                process_id=one.process.bpmnProcessId,
                version=one.process.version,
                name=None,
                resource_name=one.process.resourceName,
            )
            for one in response.deployments
            if one.HasField("process")
        ]
        return Deployment(definitions=definitions, warnings=())

    # --- results ----------------------------------------------------------------------------------

    async def run(self, command: c.StartInstance, size: int, timeout: timedelta) -> dict[str, str]:
        self._channel.check()
        c.check(command)
        milliseconds = timeout // timedelta(milliseconds=1)
        request = pb.CreateProcessInstanceWithResultRequest(
            request=start_request(command), requestTimeout=milliseconds
        )
        patience = timeout.total_seconds() + REQUEST_SECONDS
        try:
            response = await self._channel.ask("CreateProcessInstanceWithResult", request, patience)
        except DeadlineExceeded as error:
            raise DeadlineExceeded(
                f"the instance of {command.process_id!r} has not ended within {timeout}; it goes on"
            ) from error
        return read_variables(response.variables)

    def watch(self, key: int) -> asyncio.Future[dict[str, str]]:
        self._channel.check()
        watching = self.inbox.loop.create_task(self._watch(key))
        self._watching.add(watching)
        watching.add_done_callback(self._watching.discard)
        watched: asyncio.Future[dict[str, str]] = self.inbox.loop.create_future()
        watched.add_done_callback(lambda _: watching.cancel())
        watching.add_done_callback(lambda _: _pass_on(watching, watched))
        return watched

    async def _watch(self, key: int) -> dict[str, str]:
        request = msgspec.json.encode({"key": key, "timeout": int(WATCH_SECONDS * 1000)})
        pause, longest = PAUSE_SECONDS
        while True:
            try:
                answer = await self._channel.await_result(request, WATCH_SECONDS + REQUEST_SECONDS)
                return read_variables(answer.decode())
            except Unsupported as error:
                raise Unsupported(
                    "this server cannot wait for an instance that runs already (Zeebe's protocol has no call "
                    "for it): use `app.run(process_id, variables, timeout=...)` to start one and wait"
                ) from error
            except DeadlineExceeded:
                pause = PAUSE_SECONDS[0]
            except (NotReady, ResourceExhausted) as error:
                self._channel.check()
                log.info("waiting on for instance %d: %s", key, error)
                await asyncio.sleep(pause)
                pause = min(pause * 2, longest)

    # --- jobs -------------------------------------------------------------------------------------

    def open_stream(self, stream: JobStream) -> None:
        self._pumps[stream] = Pump(stream, self._channel, self._leases)

    def request(self, stream: JobStream, count: int) -> None:
        pump = self._pumps.get(stream)
        if pump is not None:
            pump.request(count)

    def close_stream(self, stream: JobStream) -> asyncio.Future[None]:
        return self._spawn(self._close_stream(stream))

    async def _close_stream(self, stream: JobStream) -> None:
        pump = self._pumps.pop(stream, None)
        if pump is not None:
            await pump.close()

    # --- state ------------------------------------------------------------------------------------

    def now(self) -> int:
        return self._leases.clock.now()

    def readiness(self) -> Readiness:
        return self._channel.readiness()

    async def close(self) -> None:
        await asyncio.gather(*(self._close_stream(stream) for stream in list(self._pumps)))
        if self._asked and self._channel.connected:
            await asyncio.wait(list(self._asked), timeout=CLOSE_SECONDS)
        left = [*self._asked, *self._watching]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        await self._channel.close()


def _doubtful(error: NotFound | AlreadyExists) -> ProcessionError:
    return type(error)(
        f"{error.message} (the connection broke in the first try, which may have done it)", key=error.key
    )


def _pass_on(watching: asyncio.Task[dict[str, str]], watched: asyncio.Future[dict[str, str]]) -> None:
    if watching.cancelled():
        if not watched.done():
            watched.set_exception(NotReady("the app was left before the instance ended; it goes on"))
        return
    error = watching.exception()
    if watched.done():
        return
    if error is not None:
        watched.set_exception(error)
    else:
        watched.set_result(watching.result())
