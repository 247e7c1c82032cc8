"""The app: what users hold. It runs a node and the workers in this process."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

import msgspec

from procession.broker import FORKED, ActivatedJob, Hint, Inbox, Node, Readiness, forks, prepare
from procession.client.instance import Instance
from procession.client.job import Signature
from procession.client.joining import preset_key, write_command
from procession.client.tasks import (
    DEFAULT_BACKOFF,
    DEFAULT_CONCURRENCY,
    DEFAULT_MAX_RUNTIME,
    DEFAULT_TIMEOUT,
    Task,
)
from procession.client.values import encode_variables, milliseconds
from procession.client.worker import Worker, worker_name
from procession.engine import commands as c
from procession.errors import InvalidInput, NotFound, NotReady, WrongState
from procession.model import Fault

if TYPE_CHECKING:
    import sqlalchemy as sa
    from sqlalchemy.ext.asyncio import AsyncConnection

    from procession.client.sync import SyncProcession
    from procession.storage.port import Storage
    from procession.storage.searches import IncidentInfo, InstanceDetail, InstanceInfo, InstanceStatus, Status

F = TypeVar("F", bound=Callable[..., Any])

log = logging.getLogger("procession")


class DefinitionInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A version of a process, as a deployment answers it."""

    key: int
    process_id: str
    version: int
    name: str | None
    resource_name: str


class Deployment(msgspec.Struct, frozen=True, kw_only=True):
    """What a deployment made, or found unchanged, and what its files should better be without."""

    definitions: list[DefinitionInfo]
    warnings: tuple[Fault, ...]


class Procession:
    """A durable process application on a database.

    >>> app = Procession("sqlite:///orders.db")
    >>> app.deploy("order.bpmn")                               # doctest: +SKIP
    >>> async with app:                                        # doctest: +SKIP
    ...     instance = await app.start("order", {"order_id": "A-1"})

    `url` is `sqlite:///file.db` or `postgresql://user:password@host/database`. With `serve=False` the
    process executes only its own commands: it fires no timers, runs no workers and takes over nothing
    (what the CLI does). `grace` is how long leaving waits for running handlers. With `upgrade=False` the
    tables are made and upgraded by somebody else (`procession db upgrade`). One app belongs to one
    process and one event loop.
    """

    def __init__(
        self,
        url: str,
        *,
        serve: bool = True,
        grace: timedelta = timedelta(seconds=10),
        upgrade: bool = True,
    ) -> None:
        self.url = url
        self.serve = serve
        self.upgrade = upgrade
        self.grace = grace
        self._tasks: dict[str, Task] = {}
        self._files: dict[str, bytes] = {}
        self._workers: list[Worker] = []
        self._running: tuple[Node, Inbox] | None = None
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
    ) -> Callable[[F], F]:
        """Register a handler, async or plain, for jobs of a type.

        Its first parameter may be the `Job`; the others are filled from variables of their names,
        converted to their annotations. What it returns (a mapping, a dataclass, None) becomes
        variables. Raising `BpmnError` throws a business error, `Incident` stops retrying at once,
        anything else is a failed try.

        Args:
            retries: tries in all; None leaves it to the model.
            backoff: wait after the first failure; it doubles with each, up to an hour.
            timeout: the lease; renewed while the handler runs.
            max_runtime: an async handler is cancelled after it, a plain one disowned; that try failed.
            concurrency: handlers of this type that run at once in this process.
        """

        def register(handler: F) -> F:
            if type in self._tasks:
                raise InvalidInput(f"task {type!r} has a handler already")
            self._tasks[type] = Task(
                type=type,
                signature=Signature(handler),
                retries=retries,
                backoff=backoff,
                timeout=timeout,
                max_runtime=max_runtime,
                concurrency=concurrency,
            )
            return handler

        return register

    @property
    def tasks(self) -> tuple[str, ...]:
        """The job types with a handler, sorted."""
        return tuple(sorted(self._tasks))

    # --- running --------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        """Open the database, deploy, and begin to work.

        Raises:
            SchemaMismatch: a newer Procession made the tables, or they need an upgrade this app may not do.
            StorageError: the database cannot be used.
            DeploymentRejected: as `deploy`.
        """
        if self._running is not None:
            raise WrongState("the app is running already")
        storage = await asyncio.to_thread(_open, self.url, self.upgrade)
        node = Node(storage, serve=self.serve)
        node.start()
        self._born = forks.count
        self._running = (node, Inbox(asyncio.get_running_loop()))
        try:
            if self._files:
                for warning in (await self.deploy_files(self._files)).warnings:
                    log.warning("deployed with a warning: %s", warning)
            if self.serve:
                self._open_workers()
        except BaseException:
            await self.__aexit__(None, None, None)
            raise
        return self

    def _open_workers(self) -> None:
        name = worker_name()
        self._workers = [Worker(self, task, name) for task in self._tasks.values()]
        for worker in self._workers:
            worker.open()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop leasing, wait `grace` for handlers, give the other leases back, close."""
        if self._running is None:
            return
        node, _ = self._running
        workers, self._workers = self._workers, []
        try:
            grace = self.grace.total_seconds()
            await asyncio.gather(*(worker.close(grace) for worker in workers))
        finally:
            self._running = None
            self._idle_since = datetime.now(UTC)
            await asyncio.to_thread(node.stop)

    def readiness(self) -> Readiness:
        """Whether this app can work, since when, and if not, why: for health checks. Any thread may ask.

        It is ready while it runs, its last contact with the database worked, and it knows the tables
        there. A lost server shows within seconds, even while there is nothing to do; it becomes ready
        again by itself when the database can be written again.
        """
        running = self._running
        if running is None:
            return Readiness(ready=False, since=self._idle_since, reason="the app is not running")
        if self._born != forks.count:
            return Readiness(ready=False, since=self._idle_since, reason=FORKED)
        return running[0].health.readiness()

    @property
    def _node(self) -> Node:
        return self._runtime()[0]

    @property
    def _inbox(self) -> Inbox:
        return self._runtime()[1]

    def _runtime(self) -> tuple[Node, Inbox]:
        if self._running is None:
            raise NotReady("the app is not running; do this inside `async with app:`")
        if self._born != forks.count:
            raise NotReady(FORKED)
        return self._running

    @property
    def _storage(self) -> Storage:
        return self._node.storage

    def _look(self) -> None:
        if self._running is not None:
            self._node.nudge(Hint(all=True))

    def _send(self, command: c.Command, size: int = 0) -> asyncio.Future[Any]:
        node, inbox = self._runtime()
        return node.submit(command, inbox, size)

    # --- commands -------------------------------------------------------------------------------

    async def deploy_files(self, files: Mapping[str, bytes]) -> Deployment:
        """Deploy BPMN files (name -> content), all or none.

        Raises:
            DeploymentRejected: with every fault, each naming its element and line.
        """
        command, warnings = await asyncio.to_thread(prepare, files)
        deployed = await self._send(command)
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

    async def start(
        self,
        process_id: str,
        variables: Any = None,
        *,
        version: int | None = None,
        business_key: str | None = None,
        idempotency_key: str | None = None,
        connection: sa.Connection | AsyncConnection | None = None,
    ) -> Instance:
        """Start a process instance; it is durable when this returns.

        Args:
            variables: of the root scope: a mapping, dataclass or msgspec Struct.
            version: None means the latest.
            business_key: a name of yours for it; need not be unique.
            idempotency_key: a repeated start of the process with the same key answers the instance
                that the first one made.
            connection: write the start on this SQLAlchemy connection (to the same database); it
                happens when that commits, or not at all.

        Raises:
            NotFound: no such process or version.
            WrongState: the process starts only with messages.
            VariablesInvalid, PayloadTooLarge: the variables are refused.
        """
        texts, size = encode_variables(variables)
        command = c.StartInstance(
            process_id,
            -1 if version is None else version,
            None,
            texts,
            business_key,
            idempotency_key,
            await preset_key(self, connection),
        )
        if connection is not None and command.key is not None:
            row = await write_command(self, connection, command)
            return Instance(
                self, key=command.key, process_id=process_id, version=version, created=True, command_key=row
            )
        started: c.Started = await self._send(command, size)
        return Instance(
            self,
            key=started.key,
            process_id=started.process_id,
            version=started.version,
            created=started.created,
        )

    async def publish(
        self,
        name: str,
        *,
        correlation_key: str = "",
        variables: Any = None,
        ttl: timedelta = timedelta(0),
        message_id: str | None = None,
        connection: sa.Connection | AsyncConnection | None = None,
    ) -> int:
        """Publish a message; answers its key. It is durable when this returns.

        It goes to at most one instance of each process that waits for it, or starts processes that
        begin with it. With a `ttl` it waits for those that come later.

        Raises:
            AlreadyExists: a message with this name, correlation key and `message_id` is alive.
        """
        texts, size = encode_variables(variables)
        key = await preset_key(self, connection)
        command = c.PublishMessage(name, correlation_key, milliseconds(ttl), message_id, texts, key)
        if connection is not None and key is not None:
            await write_command(self, connection, command)
            return key
        published: int = await self._send(command, size)
        return published

    async def broadcast(self, name: str, variables: Any = None) -> int:
        """Broadcast a signal; answers its key. It is durable when this returns.

        It goes to every instance that waits for it now, and starts every process that begins with it. It
        is not kept: who waits for it later hears the next one.
        """
        texts, size = encode_variables(variables)
        broadcast: int = await self._send(c.BroadcastSignal(name, texts), size)
        return broadcast

    async def cancel(self, key: int) -> None:
        """Cancel a running process instance, with everything active in it.

        Raises:
            NotFound: it is not running.
            WrongState: another instance called it; the error names the root.
        """
        await self._send(c.CancelInstance(key))

    async def set_variables(self, key: int, variables: Any, *, local: bool = False) -> None:
        """Set variables of a process instance or element instance; `local` keeps them in its scope.

        Raises:
            NotFound: it is not running.
        """
        texts, size = encode_variables(variables)
        await self._send(c.SetVariables(key, texts, local), size)

    async def resolve_incident(self, key: int, retries: int | None = None) -> None:
        """Run the step that failed again; a job without retries gets `retries` first.

        Raises:
            NotFound: no such open incident, or its job still has no retries.
        """
        await self._send(c.ResolveIncident(key, retries))

    async def complete_job(self, key: int, variables: Any = None) -> None:
        """Complete a job by its key, whoever holds it.

        Raises:
            NotFound: there is no such open job.
            WrongState: it has an incident.
        """
        texts, size = encode_variables(variables)
        await self._send(c.CompleteJob(key, texts), size)

    async def fail_job(
        self, key: int, *, retries: int, message: str = "", backoff: timedelta = timedelta(0)
    ) -> None:
        """Fail a job by its key, leaving it `retries` tries.

        Raises:
            NotFound, WrongState: as `complete_job`.
        """
        await self._send(c.FailJob(key, retries, milliseconds(backoff), message))

    async def throw_error(self, key: int, code: str, message: str = "", variables: Any = None) -> None:
        """Throw a business error from a job by its key.

        Raises:
            NotFound, WrongState: as `complete_job`.
        """
        texts, size = encode_variables(variables)
        await self._send(c.ThrowError(key, code, message, texts), size)

    async def _complete(
        self, activated: ActivatedJob, variables: Any, connection: sa.Connection | AsyncConnection | None
    ) -> None:
        texts, size = encode_variables(variables)
        command = c.CompleteJob(activated.key, texts, activated.lease)
        if connection is not None:
            await write_command(self, connection, command)
        else:
            await self._send(command, size)

    # --- queries --------------------------------------------------------------------------------

    async def instances(
        self,
        *,
        process_id: str | None = None,
        state: InstanceStatus | str | None = None,
        business_key: str | None = None,
        limit: int = 100,
    ) -> list[InstanceInfo]:
        """Process instances, newest first."""
        from procession.storage import searches

        return await asyncio.to_thread(
            searches.instances,
            self._storage.reader(),
            process_id=process_id,
            state=searches.InstanceStatus(state) if state is not None else None,
            business_key=business_key,
            limit=limit,
        )

    async def count_instances(self, process_id: str | None = None) -> dict[InstanceStatus, int]:
        """How many instances are in each state."""
        from procession.storage import searches

        return await asyncio.to_thread(searches.count_instances, self._storage.reader(), process_id)

    async def incidents(
        self,
        *,
        instance_key: int | None = None,
        process_id: str | None = None,
        include_resolved: bool = False,
        limit: int = 100,
    ) -> list[IncidentInfo]:
        """Incidents, newest first; open ones unless told otherwise."""
        from procession.storage import searches

        return await asyncio.to_thread(
            searches.incidents,
            self._storage.reader(),
            instance_key=instance_key,
            process_id=process_id,
            include_resolved=include_resolved,
            limit=limit,
        )

    async def instance(self, key: int) -> InstanceDetail:
        """One instance: the path it took, where it waits and why, its variables and incidents.

        Raises:
            NotFound: there is none.
        """
        from procession.storage import searches

        detail = await asyncio.to_thread(searches.instance, self._storage.reader(), key)
        if detail is None:
            raise NotFound(f"there is no process instance with key {key}", key=key)
        return detail

    async def status(self) -> Status:
        """Counts of everything that runs or waits."""
        from procession.storage import searches

        return await asyncio.to_thread(searches.status, self._storage.reader())

    def sync(self) -> SyncProcession:
        """The same app without `await`: use it as a context manager in plain code."""
        from procession.client.sync import SyncProcession

        return SyncProcession(self)


def _open(url: str, upgrade: bool) -> Storage:
    from procession.storage import open_storage

    return open_storage(url, upgrade=upgrade)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidInput(f"file {path} cannot be read: {error.strerror}") from error
