"""The app: what users hold. It runs a node and the workers in this process."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from procession.broker import FORKED, IncidentNotice, Readiness, forks, prepare
from procession.client.backend import Backend
from procession.client.commands import Commands
from procession.client.embedded import Embedded
from procession.client.extension import Extension
from procession.client.job import Signature
from procession.client.queries import Queries
from procession.client.remote import is_remote, open_remote
from procession.client.tasks import (
    DEFAULT_BACKOFF,
    DEFAULT_BACKOFF_FACTOR,
    DEFAULT_CONCURRENCY,
    DEFAULT_MAX_RUNTIME,
    DEFAULT_POLL_INTERVAL,
    DEFAULT_TIMEOUT,
    Task,
)
from procession.client.worker import Worker, worker_name
from procession.errors import InvalidInput, NotReady, Unsupported, WrongState
from procession.model.text import is_storable

if TYPE_CHECKING:
    from procession.client.credentials import Credentials
    from procession.client.sync import SyncProcession

F = TypeVar("F", bound=Callable[..., Any])
E = TypeVar("E", bound=Extension)

log = logging.getLogger("procession")

DEFAULT_CONNECT_TIMEOUT = timedelta(seconds=10)
ARRIVE_AGAIN_SECONDS = 5.0


class Procession(Commands, Queries):
    """A durable process application on a database, or on a server that speaks Zeebe's gRPC.

    >>> app = Procession("sqlite:///orders.db")
    >>> app.deploy("order.bpmn")                               # doctest: +SKIP
    >>> async with app:                                        # doctest: +SKIP
    ...     instance = await app.start("order", {"order_id": "A-1"})

    `url` is `sqlite:///file.db` or `postgresql://user:password@host/database`. With `serve=False` the
    process executes only its own commands: it fires no timers, runs no workers and takes over nothing
    (what the CLI does). `grace` is how long leaving waits for running handlers. With `upgrade=False` the
    tables are made and upgraded by somebody else (`procession db upgrade`). One app belongs to one
    process and one event loop.

    With `grpc://host:26500` or, with TLS, `grpcs://host:26500` the engine is a remote one: Procession's
    own server, Zeebe or Camunda 8. `credentials` say who this app is there. `connect_timeout` is how long
    entering waits for the server; None means not at all: the app connects in the background, deploys its
    files then, and calls made before raise `NotReady`. What a remote engine cannot do raises `Unsupported`.

    `worker_name` is what jobs show of who holds them; None means host, process and thread.
    """

    def __init__(
        self,
        url: str,
        *,
        serve: bool = True,
        grace: timedelta = timedelta(seconds=10),
        upgrade: bool = True,
        credentials: Credentials | None = None,
        connect_timeout: timedelta | None = DEFAULT_CONNECT_TIMEOUT,
        worker_name: str | None = None,
    ) -> None:
        if worker_name is not None and not is_storable(worker_name):
            raise InvalidInput(f"worker name {worker_name!r} has a NUL or half a character in it")
        self.url = url
        self.credentials = credentials
        self.connect_timeout = connect_timeout
        self.worker_name = worker_name
        self.serve = serve
        self.upgrade = upgrade
        self.grace = grace
        self._tasks: dict[str, Task] = {}
        self._files: dict[str, bytes] = {}
        self._workers: list[Worker] = []
        self._extensions: list[Extension] = []
        self._on_incident: list[Callable[[IncidentNotice], object]] = []
        self._arriving: asyncio.Task[None] | None = None
        """Connects, deploys and opens the workers, where entering did not wait for that."""
        self._fault: str | None = None
        """Why that has not come to its end."""
        self._running: Backend | None = None
        self._idle_since = datetime.now(UTC)
        """When it was last not running."""
        self._born = forks.count
        """A fork of the process it runs in must not use it."""

    # --- before it runs -------------------------------------------------------------------------

    def deploy(self, *paths: str | Path) -> None:
        """Deploy BPMN files when the app starts. Unchanged files keep their versions.

        Raises:
            DeploymentRejected: a file has faults; all are listed.
            InvalidInput: a file cannot be read.
            WrongState: the app runs; use `await app.deploy_files(...)`.
        """
        if self._running is not None:
            raise WrongState("the app is running: use `await app.deploy_files({name: content})`")
        files = {Path(path).name: _read(Path(path)) for path in paths}
        if not is_remote(self.url):  # a remote engine has its own opinion
            prepare(files)
        self._files.update(files)

    def task(
        self,
        type: str,
        *,
        retries: int | None = None,
        backoff: timedelta = DEFAULT_BACKOFF,
        timeout: timedelta = DEFAULT_TIMEOUT,
        max_runtime: timedelta = DEFAULT_MAX_RUNTIME,
        concurrency: int = DEFAULT_CONCURRENCY,
        max_active: int | None = None,
        poll_interval: timedelta = DEFAULT_POLL_INTERVAL,
        backoff_factor: float = DEFAULT_BACKOFF_FACTOR,
        fatal: tuple[type[BaseException], ...] = (),
    ) -> Callable[[F], F]:
        """Register a handler, async or plain, for jobs of a type.

        Its first parameter may be the `Job`; the others are filled from variables of their names,
        converted to their annotations. What it returns (a mapping, a dataclass, None) becomes
        variables. Raising `BpmnError` throws a business error, `Incident` stops retrying at once,
        anything else is a failed try.

        Args:
            retries: tries in all; None leaves it to the model.
            backoff: wait after the first failure; it grows with each, up to an hour.
            timeout: the lease; renewed while the handler runs.
            max_runtime: an async handler is cancelled after it, a plain one disowned; that try failed.
            concurrency: handlers of this type that run at once in this process.
            max_active: jobs leased at once, those that wait for a free handler included; None: no
                more than `concurrency`, but of plain handlers that are quick as many as they do in a
                twentieth of a second, at most 256. Waiting here saves a trip to the server, and keeps
                the job from processes that are free.
            poll_interval: how soon a remote engine is asked for jobs it did not push; while there are
                none, ever more rarely, up to ten times that. A database is not asked: its nodes wake.
            backoff_factor: what the backoff is multiplied with after each failure; 1 keeps it.
            fatal: exceptions that are incidents at once, as retrying would not help.
        """

        def register(handler: F) -> F:
            self._handle(
                Task(
                    type=type,
                    handler=Signature(handler),
                    retries=retries,
                    backoff=backoff,
                    timeout=timeout,
                    max_runtime=max_runtime,
                    concurrency=concurrency,
                    max_active=max_active,
                    poll_interval=poll_interval,
                    backoff_factor=backoff_factor,
                    fatal=fatal,
                )
            )
            return handler

        return register

    def _handle(self, task: Task) -> None:
        """Have the jobs of a type handled.

        Raises:
            InvalidInput: they are already.
        """
        if task.type in self._tasks:
            raise InvalidInput(f"task {task.type!r} has a handler already")
        self._tasks[task.type] = task

    @property
    def tasks(self) -> tuple[str, ...]:
        """The job types with a handler, sorted."""
        return tuple(sorted(self._tasks))

    def on_incident(self, listener: Callable[[IncidentNotice], object]) -> None:
        """Have each incident told to `listener`, on the event loop, once it is committed.

        There may be several listeners. On a database, told are the incidents that this process commits,
        whatever their cause; each is committed by one process, so it is told once. With a remote engine,
        told are those that this app's workers make by failing a job for good, once the server has accepted
        that; their keys are not known. One whose process dies in this moment is not told.

        Raises:
            WrongState: the app runs.
        """
        if self._running is not None:
            raise WrongState("listeners for incidents are added before the app runs")
        self._on_incident.append(listener)

    def extend(self, extension: Extension) -> None:
        """Let something take part in this app's life: step processes, for example.

        Raises:
            WrongState: the app runs.
        """
        if self._running is not None:
            raise WrongState("an app is extended before it runs")
        self._extensions.append(extension)

    def extension(self, kind: type[E]) -> E | None:
        """What was given to `extend` of this kind; None if nothing was."""
        return next((one for one in self._extensions if isinstance(one, kind)), None)

    # --- running --------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        """Open the database, deploy, and begin to work.

        Raises:
            SchemaMismatch: a newer Procession made the tables, or they need an upgrade this app may not do.
            StorageError: the database cannot be used.
            DeploymentRejected: as `deploy`.
            NotReady: the remote server could not be reached within `connect_timeout`.
            NotAllowed: the remote server refuses the credentials.
        """
        if self._running is not None:
            raise WrongState("the app is running already")
        self._running = await self._open()
        self._born = forks.count
        try:
            if is_remote(self.url) and self.connect_timeout is None:
                self._fault = "not connected yet"
                self._arriving = asyncio.create_task(self._arrive(self._running))
            else:
                await self._begin()
        except BaseException:
            await self.__aexit__(None, None, None)
            raise
        return self

    async def _open(self) -> Backend:
        listener = self._tell_incident if self._on_incident else None
        if is_remote(self.url):
            return await open_remote(self.url, self.credentials, self.connect_timeout, listener)
        if self.credentials is not None:
            raise InvalidInput("credentials are for grpc:// and grpcs://; a database has them in its URL")
        return await Embedded.open(self.url, serve=self.serve, upgrade=self.upgrade, on_incident=listener)

    def _tell_incident(self, notice: IncidentNotice) -> None:
        for listener in self._on_incident:
            listener(notice)

    async def _begin(self) -> None:
        if self._files:
            for warning in (await self.deploy_files(self._files)).warnings:
                log.warning("deployed with a warning: %s", warning)
        for extension in self._extensions:
            await extension.prepare()
        if self.serve:
            name = self.worker_name or worker_name()
            self._workers = [Worker(self, task, name) for task in self._tasks.values()]
            for extension in self._extensions:
                await extension.begin(self._workers)
            for worker in self._workers:
                worker.open()

    async def _arrive(self, backend: Backend) -> None:
        """Begin when the server is there; what a server refuses may be mended there."""
        while True:
            try:
                await backend.connected()
                await self._begin()
                self._fault = None
                return
            except Exception as error:
                if str(error) != self._fault:
                    log.error("not ready: %s", error)
                self._fault = str(error)
            await asyncio.sleep(ARRIVE_AGAIN_SECONDS)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop leasing, wait `grace` for handlers, give the other leases back, close."""
        if self._running is None:
            return
        backend = self._running
        if self._arriving is not None:
            self._arriving.cancel()
            await asyncio.gather(self._arriving, return_exceptions=True)
            self._arriving = self._fault = None
        for extension in reversed(self._extensions):
            await extension.end()
        workers, self._workers = self._workers, []
        try:
            grace = self.grace.total_seconds()
            await asyncio.gather(*(worker.close(grace) for worker in workers))
        finally:
            self._running = None
            self._idle_since = datetime.now(UTC)
            await backend.close()

    async def drain(self) -> None:
        """Lease no more jobs, and wait until the handlers that run have ended, however long they take.

        Then leave the app: it does not begin again. Leaving it meanwhile ends the handlers within the
        grace, as always.

        Raises:
            NotReady: the app is not running.
        """
        self._backend  # noqa: B018 - refuses where it does not run
        for extension in self._extensions:
            extension.drain()
        await asyncio.gather(*(worker.drain() for worker in self._workers))

    async def _rest(self, workers: Sequence[Worker] | None = None) -> None:
        """On a database: wait until no handler (of these workers) runs and the node has nothing to do."""
        while True:
            await self._embedded.when_idle()
            busy = [worker for worker in (self._workers if workers is None else workers) if worker.busy]
            if not busy:
                return
            await asyncio.gather(*(worker.idle() for worker in busy))

    def readiness(self) -> Readiness:
        """Whether this app can work, since when, and if not, why: for health checks. Any thread may ask.

        It is ready while it runs, its last contact with the database worked, and it knows the tables
        there. A lost server shows within seconds, even while there is nothing to do; it becomes ready
        again by itself when the database can be written again. On a remote server it is ready while there
        is a connection.
        """
        running = self._running
        if running is None:
            return Readiness(ready=False, since=self._idle_since, reason="the app is not running")
        if self._born != forks.count:
            return Readiness(ready=False, since=self._idle_since, reason=FORKED)
        found = running.readiness()
        if found.ready and self._fault is not None:
            return Readiness(ready=False, since=found.since, reason=self._fault)
        return found

    @property
    def _backend(self) -> Backend:
        if self._running is None:
            raise NotReady("the app is not running; do this inside `async with app:`")
        if self._born != forks.count:
            raise NotReady(FORKED)
        return self._running

    @property
    def _embedded(self) -> Embedded:
        """The node in this process, for test harnesses."""
        backend = self._backend
        if not isinstance(backend, Embedded):
            raise Unsupported(f"the engine of {self.url} is not in this process")
        return backend

    def sync(self) -> SyncProcession:
        """The same app without `await`: use it as a context manager in plain code."""
        from procession.client.sync import SyncProcession

        return SyncProcession(self)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidInput(f"file {path} cannot be read: {error.strerror}") from error
