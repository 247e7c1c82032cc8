"""The process manager: registers process classes on an app, starts processes, and looks after them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from procession.broker import IncidentNotice
from procession.client.app import Procession
from procession.client.extension import Extension
from procession.client.remote import is_remote
from procession.client.tasks import DEFAULT_TIMEOUT, Task
from procession.client.worker import worker_name
from procession.errors import InvalidInput, Unsupported
from procession.operations.alerts import AlertDesk, channel_for, incident_alert
from procession.operations.alerts import Channel as AlertChannel
from procession.process.base import Process
from procession.process.blueprint import Blueprint
from procession.process.bulk import Bulk
from procession.process.catalogue import Catalogue
from procession.process.channel import Channel
from procession.process.channels import PROCESS_ID, Turns
from procession.process.cool_down import CoolDown
from procession.process.deploying import Versions, deploy, warn_of_strangers
from procession.process.info import ProcessDetail, ProcessInfo
from procession.process.leasing import Leasing
from procession.process.looking import Looker
from procession.process.migrating import Migrations
from procession.process.moments import at
from procession.process.recording import capture_logs
from procession.process.repairing import Repairs, aborting
from procession.process.result import Processable
from procession.process.running import GOTO, StepHandler
from procession.process.status import Status
from procession.process.sync import SyncProcesses
from procession.storage.searches.turns import work_is_left

if TYPE_CHECKING:
    import sqlalchemy as sa
    from sqlalchemy.ext.asyncio import AsyncConnection

    from procession.client.instance import Instance
    from procession.client.sync import SyncProcession
    from procession.client.worker import Worker

log = logging.getLogger("procession.process")

RUN_LIMIT = timedelta(minutes=5)
LOOK_SECONDS = 0.05
"""Between two looks at the clock, and at what others have to do first: a turn that they have, say."""
LONGEST_REST = timedelta(seconds=1)
"""After which it is looked whether anything is due, though the node is busy: perhaps with other things."""
STARTED_AT_ONCE = 1000
"""Starts on their way at the same time."""


class ProcessManager(Extension):
    """Step processes on an app.

        app = Procession("sqlite:///shop.db")
        processes = ProcessManager(app)
        processes.register({NewOrder: "CREATE ORDER", Refund: "REFUND ORDER"})

        async with app:
            await processes.start(NewOrder, ("order", "A-1"))

    Args:
        cool_down: when no step begins; None: never.
        alerts: who is told that a process is held with ERROR or EXCEPTION: channels, or URLs of them.
        concurrency: runs of one step at once in this process.
        lease: how long a step, and a strict channel, stay with a process that gives no sign of life.
    """

    def __init__(
        self,
        app: Procession,
        *,
        cool_down: CoolDown | None = CoolDown(),  # noqa: B008  # it is frozen
        alerts: Sequence[AlertChannel | str] = (),
        concurrency: int = 10,
        lease: timedelta = DEFAULT_TIMEOUT,
    ) -> None:
        self.app = app
        self.leasing = Leasing(app, cool_down)
        self._concurrency = concurrency
        self._lease = lease
        self._catalogue = Catalogue()
        self.registered = self._catalogue.registered
        """By process id and class version."""
        self._deploys = True
        self._versions: Versions = {}
        self._turns: Turns | None = None
        self._repairs = Repairs(app, self._looker, self._catalogue.policy)
        self._migrations = Migrations(app, self._looker, self.registered)
        self._desk = AlertDesk([channel_for(one) for one in alerts])
        if alerts:
            app.on_incident(self._alert)
        app.extend(self)

    # --- before the app runs ----------------------------------------------------------------------

    def register(self, *kinds: type[Process] | Mapping[type[Process], str]) -> None:
        """Register process classes, or mappings of classes to labels; all, or none.

        Several classes of one process id with different versions may be registered: what began on an
        older one goes on there.

        Raises:
            InvalidInput: a class has faults, all of which are named; or it is registered already.
        """
        for blueprint in self._catalogue.add(kinds):
            self._handle(blueprint)

    def _handle(self, blueprint: Blueprint) -> None:
        leasing = self.leasing
        for step in blueprint.steps:
            self.app._handle(
                Task(
                    type=blueprint.job_type(step),
                    handler=StepHandler(blueprint, step, leasing.now, leasing.gate, leasing.rest),
                    backoff=step.retry.after(1),
                    backoff_factor=1,
                    timeout=self._lease,
                    concurrency=self._concurrency,
                )
            )
        if blueprint.kind.channel.fifo and self._turns is None:
            self._turns = Turns(self.app, self._lease)

    @property
    def blueprints(self) -> list[Blueprint]:
        """What is registered, by process id and class version."""
        return self._catalogue.blueprints

    def now(self) -> datetime:
        """The engine's time."""
        return at(self.leasing.now())

    def cools(self) -> bool:
        """Whether it is in the cool-down window."""
        return self.leasing.cools()

    def sync(self, app: SyncProcession) -> SyncProcesses:
        """The same without `await`, on the facade of its app: `with manager.app.sync() as app: ...`."""
        return SyncProcesses(self, app)

    # --- the app's life ---------------------------------------------------------------------------

    @asynccontextmanager
    async def for_repairs(self) -> AsyncIterator[ProcessManager]:
        """The same processes on an app that deploys nothing and runs no step: for who only repairs."""
        app = Procession(self.app.url, serve=False, upgrade=self.app.upgrade)
        other = ProcessManager(app, cool_down=None)
        other.registered.update(self.registered)
        other._deploys = False
        async with app:
            yield other

    async def prepare(self) -> None:
        if not self._deploys:
            return
        fifo = self._catalogue.strict_channels
        if fifo and is_remote(self.app.url):
            raise Unsupported(
                f"strict channels ({', '.join(sorted(fifo))}) need the database; give the app its URL"
            )
        self._versions = await deploy(self.app, self.blueprints)
        if self._turns is not None:
            await self._turns.open(fifo)

    async def begin(self, workers: Sequence[Worker]) -> None:
        await asyncio.to_thread(warn_of_strangers, self.app, self.blueprints)
        capture_logs()
        self._desk.open()
        types = set(self._catalogue.job_types)
        await self.leasing.begin([worker for worker in workers if worker.task.type in types])

    def drain(self) -> None:
        if self._turns is not None:
            self._turns.close()

    async def end(self) -> None:
        self.drain()
        await self.leasing.end()
        await self._desk.close(self.app.grace)

    def _alert(self, notice: IncidentNotice) -> None:
        """Tell people of what is held; INFO and WARNING are seen in lists."""
        known = self._catalogue.process_ids
        if notice.process_id not in known or notice.message.startswith((Status.INFO, Status.WARNING)):
            return
        step = f"procession process restart MODULE:APP {notice.instance_key}, or abandon it"
        locks = any(one.kind.channel.fifo for one in self.blueprints if one.process_id == notice.process_id)
        what = "Its channel stands still until then. " if locks else ""
        self._desk.hand_in(incident_alert("processes", notice, f"{what}When the cause is mended: {step}"))

    # --- starting ---------------------------------------------------------------------------------

    async def start(
        self,
        kind: type[Process] | str,
        processable: Processable | tuple[str, str | int] | str,
        *,
        meta: Mapping[str, Any] | None = None,
        channel: Channel | None = None,
        again: bool = False,
        connection: sa.Connection | AsyncConnection | None = None,
    ) -> Instance:
        """Start a process for a processable.

        The same process for the same processable is started once: a repeated start answers the first
        instance (`created` is False), also when it has ended. On a remote server each start starts one.

        Args:
            kind: a registered class, or its name, process id or label (then of the newest version).
            processable: a pair such as `("order", "A-1")`, or `"order:A-1"`.
            channel: in place of the class's own; strict ones only for classes that have a strict one.
            again: start another one, whatever was started before.
            connection: as in `Procession.start`.

        Raises:
            InvalidInput: it is not registered, or cannot be in that channel.
        """
        blueprint = self.blueprint_of(kind)
        subject = Processable.of(processable)
        goto = (meta or {}).get(GOTO)
        if goto is not None and goto not in [step.name for step in blueprint.steps]:
            raise InvalidInput(f"goto_step names {goto!r}, which is no step of {blueprint.process_id}")
        own = blueprint.kind.channel
        chosen = channel or own
        if chosen.fifo and not own.fifo:
            raise InvalidInput(
                f"{blueprint.kind.__name__} cannot be in the strict channel {chosen.name!r}: its class has "
                "no strict channel, so it would not wait for its turn"
            )
        remote = is_remote(self.app.url)
        variables = {
            "processable": subject,
            "channel": chosen.name,
            "meta": dict(meta or {}),
            "status": None,
            "result": None,
        }
        return await self.app._start(
            blueprint.process_id,
            variables,
            version=self._versions.get((blueprint.process_id, blueprint.version)),
            business_key=None if remote else str(subject),
            idempotency_key=None if remote or again else str(subject),
            start_at=[blueprint.steps[0].name] if own.fifo and not chosen.fifo else (),
            connection=connection,
            # Its place in the line.
            key=await self.app._backend.next_key() if chosen.fifo else None,
        )

    async def start_all(
        self,
        kind: type[Process] | str,
        processables: Iterable[Processable | tuple[str, str | int] | str],
        *,
        meta: Mapping[str, Any] | None = None,
        again: bool = False,
    ) -> list[Instance]:
        """Start a process for each of many processables, in their order; many in one transaction, those of
        a strict channel one after the other.

        If the app is left or the database lost in between, some are started, and the same call starts
        the others. The arguments are those of `start`.

        Raises:
            InvalidInput: it is not registered, or one names no processable; then none is started.
        """
        subjects = [Processable.of(one) for one in processables]
        at_once = 1 if self.blueprint_of(kind).kind.channel.fifo else STARTED_AT_ONCE
        started: list[Instance] = []
        for begin in range(0, len(subjects), at_once):
            some = subjects[begin : begin + at_once]
            started += await asyncio.gather(*(self.start(kind, one, meta=meta, again=again) for one in some))
        return started

    def blueprint_of(self, kind: type[Process] | str) -> Blueprint:
        """What is registered for a class, or for a name, process id or label.

        Raises:
            InvalidInput: nothing is.
        """
        return self._catalogue.of(kind)

    # --- looking ----------------------------------------------------------------------------------

    def _looker(self) -> Looker:
        return Looker(self.app._backend.reader("looking at processes"), self.registered)

    async def search(
        self,
        *,
        process: type[Process] | str | None = None,
        status: Status | None = None,
        channel: str | None = None,
        processable: Processable | tuple[str, str | int] | str | None = None,
        limit: int = 100,
    ) -> list[ProcessInfo]:
        """Processes that match all that is given, newest first. Needs the database."""
        looker = self._looker()
        return await asyncio.to_thread(
            looker.search,
            process_ids=None if process is None else [self.blueprint_of(process).process_id],
            status=status,
            channel=channel,
            processable=None if processable is None else Processable.of(processable),
            limit=limit,
        )

    async def show(self, key: int) -> ProcessDetail:
        """One process with the history of its steps. Needs the database.

        Raises:
            NotFound: there is none of the registered ones with this key.
        """
        return await asyncio.to_thread(self._looker().detail, key)

    # --- repairing --------------------------------------------------------------------------------

    async def restart(self, key: int) -> None:
        """Let a process that is held (ERROR, EXCEPTION, WARNING, INFO) go on with the step that failed; one
        that waits for its next try (RETRY) tries at once.

        Raises:
            NotFound: there is none of the registered ones with this key.
            WrongState: it is none of these.
        """
        await self._repairs.restart(key)

    async def abandon(
        self, key: int, reason: str, *, by: str | None = None, origin: str | None = None
    ) -> None:
        """End a process that no worker is at, with status ABORTED; who, when, from where and why is kept.

        Args:
            by: None means the user of this process.
            origin: None means this host.

        Raises:
            NotFound: there is none of the registered ones with this key.
            WrongState: it has ended, or a worker is at it.
        """
        await self._repairs.abandon(key, aborting(reason, by, origin, self.now()))

    async def restart_all(self, keys: Sequence[int]) -> Bulk:
        """Restart many; those that are refused stop no other."""
        return await self._repairs.restart_all(keys)

    async def abandon_all(
        self, keys: Sequence[int], reason: str, *, by: str | None = None, origin: str | None = None
    ) -> Bulk:
        """Abandon many; those that are refused stop no other."""
        return await self._repairs.abandon_all(keys, aborting(reason, by, origin, self.now()))

    async def migrate(self, key: int) -> None:
        """Move a process that no worker is at to the newest registered version of its class: it goes on at
        the step that its own becomes (`Process.MIGRATE`), with its key, meta, attempts and history.

        Raises:
            NotFound: there is none of the registered ones with this key.
            WrongState: it has ended, is on that version already, its step becomes none, or a worker is at
                it. Nothing has changed.
        """
        await self._migrations.migrate(key)

    async def migrate_all(self, keys: Sequence[int]) -> Bulk:
        """Move many; those that are refused stop no other."""
        return await self._migrations.migrate_all(keys)

    async def outdated(
        self, process: type[Process] | str | None = None, *, from_version: int | None = None
    ) -> list[int]:
        """The keys of running processes on older class versions, oldest first. Needs the database.

        Args:
            process: only of this one.
            from_version: only on this class version.
        """
        if process is not None:
            chosen = [self.blueprint_of(process).process_id]
        else:
            chosen = sorted(self._catalogue.process_ids)
        return await self._migrations.outdated(chosen, from_version)

    # --- runs that end ----------------------------------------------------------------------------

    async def work(self, limit: timedelta = RUN_LIMIT) -> bool:
        """Let the app's workers work until nothing is due, the cool-down begins, or `limit` is over; answers
        whether nothing is due.

        Steps that run then are not interrupted: leaving the app waits for them.
        """
        end = self.now() + limit
        worker = self.app.worker_name or worker_name()
        is_left = True
        while is_left:
            await self._rest(min(end, self.now() + LONGEST_REST))
            is_left = await asyncio.to_thread(self._work_is_left, worker)
            if self.now() >= end or self.cools():
                break
            if is_left:
                await asyncio.sleep(LOOK_SECONDS)
        await self.leasing.stop()
        return not is_left

    async def _rest(self, until: datetime) -> None:
        """Wait until nothing is left to do here, the cool-down begins, or it is so late."""
        resting = asyncio.ensure_future(self.app._rest(self.leasing.workers))
        try:
            while not resting.done() and self.now() < until and not self.cools():
                await asyncio.wait([resting], timeout=LOOK_SECONDS)
        finally:
            resting.cancel()
            await asyncio.gather(resting, return_exceptions=True)

    def _work_is_left(self, worker: str) -> bool:
        engine = self.app._backend.reader("looking for what is due")
        lines = {} if self._turns is None else self._turns.lines
        return work_is_left(engine, self._catalogue.job_types, worker, PROCESS_ID, lines)

    async def work_one(self, key: int, limit: timedelta = RUN_LIMIT) -> Status:
        """Run one process now, whatever it waits for, until it ends, fails or is held, or `limit` is over.

        Raises:
            NotFound: there is none of the registered ones with this key, or its version is not registered.
            WrongState: a worker is at it.
        """
        end = self.now() + limit
        return await self._repairs.work(key, self.leasing.may_begin, lambda: self.now() >= end)


def manager_of(app: Procession) -> ProcessManager:
    """The process manager of an app.

    Raises:
        InvalidInput: it has none.
    """
    found = app.extension(ProcessManager)
    if found is None:
        raise InvalidInput("the app has no ProcessManager: make one with ProcessManager(app)")
    return found
