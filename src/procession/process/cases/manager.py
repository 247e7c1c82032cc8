"""The manager of business cases: what an app and its users hold."""

from __future__ import annotations

import asyncio
import logging
import os
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from procession.client.extension import Extension
from procession.client.remote import is_remote
from procession.client.tasks import DEFAULT_MAX_RUNTIME
from procession.client.values import as_json
from procession.errors import InvalidInput, NotReady
from procession.messaging import Consumer, Transport, connect
from procession.operations.alerts import AlertDesk, Channel, channel_for, incident_alert
from procession.operations.alerts.incident import next_step
from procession.process.cases.answering import Answering, Refusal
from procession.process.cases.asking import Asker, Sender, reply_queue
from procession.process.cases.base import BusinessCase
from procession.process.cases.blueprint import CaseBlueprint, read
from procession.process.cases.deploying import deploy
from procession.process.cases.hiding import Hiding
from procession.process.cases.info import ENDED, CaseDetail, CaseInfo, CaseStatus
from procession.process.cases.keys import Keyring
from procession.process.cases.looking import CaseLooker
from procession.process.cases.progress import CASE, PAYLOAD, Progress
from procession.process.cases.running import StageRunner
from procession.process.cases.sync import SyncCases
from procession.process.cases.watching import Watch
from procession.storage.searches import full_name

if TYPE_CHECKING:
    import sqlalchemy as sa
    from sqlalchemy.ext.asyncio import AsyncConnection

    from procession.broker import IncidentNotice
    from procession.client.app import Procession
    from procession.client.instance import Instance
    from procession.client.sync import SyncProcession
    from procession.client.worker import Worker

log = logging.getLogger("procession.case")

REPLIES_AT_ONCE = 50
REQUESTS_AT_ONCE = 100
LONGEST_RUN = timedelta(days=365)
"""Of async stages: they have a time limit of their own, which `next` may change."""


class CaseManager(Extension):
    """Runs the business cases of an app.

        app = Procession("postgresql://...")
        cases = CaseManager(app, broker="amqp://...", keys=["2026:..."])
        cases.register(OpenAccount)

    While the app runs with workers (`serve=True`), it runs stages, sends requests to `serviceQ.<service>`
    and takes in replies from `serviceQ@<case>.<api>`. Give it to `procession worker` and `procession case
    serve` as the app.

    Args:
        broker: where services are reached, as for `procession.messaging.connect`; None: as
            PROCESSION_BROKER says, else in queues in the app's own database.
        keys: secret keys as `procession case key` makes them, the first one in use; None: those in
            PROCESSION_CASE_KEYS. All processes of an installation need the same.
        alerts: where people are told of cases that are held: channels, or their URLs, such as `log:`,
            `smtp://...`, `https://...`.
        concurrency: runs of one stage at once in this process.

    Raises:
        InvalidInput: there is no key, or one is wrong; or no broker is given and the app's engine is remote.
    """

    def __init__(
        self,
        app: Procession,
        *,
        broker: str | None = None,
        keys: Sequence[str] | None = None,
        alerts: Sequence[Channel | str] = (),
        concurrency: int = 10,
    ) -> None:
        self.app = app
        self._broker = broker or os.environ.get("PROCESSION_BROKER") or None
        self._keys = Keyring(keys) if keys is not None else Keyring.from_environment()
        self._concurrency = concurrency
        self.registered: dict[str, CaseBlueprint] = {}
        """By process id."""
        self.refused: Counter[Refusal] = Counter()
        """Replies that had no effect, since this process began."""
        self._hidings: dict[str, Hiding] = {}
        self._askers: dict[str, Asker] = {}
        self._open = AsyncExitStack()
        self._senders: list[Worker] = []
        """The workers that send requests."""
        self._watch: Watch | None = None
        self._desk = AlertDesk([channel_for(one) for one in alerts])
        if alerts:
            app.on_incident(self._alert)
        app.extend(self)

    # --- before the app runs ----------------------------------------------------------------------

    def register(self, *kinds: type[BusinessCase]) -> None:
        """Register business case classes; all, or none. Several apis of one case may be registered.

        Raises:
            InvalidInput: a class has faults, all of which are named; or its case and api are registered.
        """
        known = dict(self.registered)
        for blueprint in (blueprints := [read(kind) for kind in kinds]):
            if (other := known.setdefault(blueprint.process_id, blueprint)) is not blueprint:
                raise InvalidInput(
                    f"business case {blueprint.kind.__name__}: api {blueprint.api!r} of "
                    f"{blueprint.case_id!r} is {other.kind.__name__} already"
                )
        self.registered = known
        for blueprint in blueprints:
            self._handle(blueprint)

    def _handle(self, blueprint: CaseBlueprint) -> None:
        hiding = self._hidings[blueprint.process_id] = Hiding(blueprint.kind.HIDDEN, self._keys)
        for stage in blueprint.stages:
            longest = LONGEST_RUN if stage.is_async else max(DEFAULT_MAX_RUNTIME, stage.timeout)
            task = self.app.task(
                blueprint.job_type(stage), concurrency=self._concurrency, max_runtime=longest
            )
            task(StageRunner(blueprint, stage, self._keys, hiding).handler)
        asker = self._askers[blueprint.process_id] = Asker(blueprint, hiding)
        self.app.task(blueprint.send_type, concurrency=REQUESTS_AT_ONCE)(asker.handle)

    @property
    def blueprints(self) -> list[CaseBlueprint]:
        """What is registered, by case and api."""
        return [one for _, one in sorted(self.registered.items())]

    @property
    def broker(self) -> str:
        """Where requests and replies are: the broker, or the app's database.

        Raises:
            InvalidInput: none is given, and the app's engine is remote.
        """
        if self._broker is not None:
            return self._broker
        if is_remote(self.app.url):
            raise InvalidInput(
                "business cases on a remote engine need a broker for their requests: give "
                "CaseManager(broker='amqp://...'), or the URL of a database with queues"
            )
        return self.app.url

    @property
    def falls_back(self) -> bool:
        """Whether queues are in the database because no broker is configured."""
        return self._broker is None

    # --- the app's life ---------------------------------------------------------------------------

    async def prepare(self) -> None:
        if not is_remote(self.app.url):
            self._watch = Watch(lambda: self.app._backend.reader("watching cases"))
        await deploy(self.app, self.blueprints)

    async def begin(self, workers: Sequence[Worker]) -> None:
        self._desk.open()
        transport = await self._open.enter_async_context(connect(self.broker))
        sender = Sender(transport)
        self._senders = [one for one in workers if one.task.type in {b.send_type for b in self.blueprints}]
        for blueprint in self.blueprints:
            await self._answer(blueprint, transport, sender)
            self._askers[blueprint.process_id].sender = sender

    async def _answer(self, blueprint: CaseBlueprint, transport: Transport, sender: Sender) -> None:
        """Take in replies from now on.

        Raises:
            WrongState: somebody made the queue with another delivery limit.
        """
        queue = reply_queue(blueprint.process_id)
        if (error := await sender.make(queue)) is not None:
            log.warning("replies wait in %s: %s", queue, error.message)
        answering = Answering(
            self.app,
            blueprint,
            self._keys,
            self._hidings[blueprint.process_id],
            self.refused,
            remote=is_remote(self.app.url),
        )
        await self._open.enter_async_context(
            Consumer(transport, queue, answering.handle, prefetch=REPLIES_AT_ONCE)
        )
        self._open.callback(answering.stop)

    async def end(self) -> None:
        await self._send_the_last()
        await self._open.aclose()
        await self.stop_watching()
        await self._desk.close(self.app.grace)

    def _alert(self, notice: IncidentNotice) -> None:
        if notice.process_id in self.registered:
            step = next_step(notice, None if is_remote(self.app.url) else full_name(self.app.url))
            self._desk.hand_in(incident_alert("cases", notice, step))

    def sync(self, app: SyncProcession) -> SyncCases:
        """The same without `await`, on the facade of its app: `with manager.app.sync() as app: ...`."""
        return SyncCases(self, app)

    async def stop_watching(self) -> None:
        """Whoever follows cases, or waits for them, is told `NotReady` from now on."""
        watch, self._watch = self._watch, None
        if watch is not None:
            await watch.close()

    async def _send_the_last(self) -> None:
        """Take no more requests, and wait for those that are on their way."""
        senders, self._senders = self._senders, []
        for worker in senders:
            await worker.pause()
        with suppress(TimeoutError):
            async with asyncio.timeout(self.app.grace.total_seconds()):
                await asyncio.gather(*(worker.idle() for worker in senders))
        for asker in self._askers.values():
            asker.sender = None

    # --- cases ------------------------------------------------------------------------------------

    def blueprint_of(self, case: type[BusinessCase] | str, api: str | None = None) -> CaseBlueprint:
        """What is registered for a class, or for a class's name or case id and an api.

        Args:
            api: None: the only one there is.

        Raises:
            InvalidInput: nothing is, or several apis are and none is named.
        """
        found = [
            one
            for one in self.blueprints
            if (one.kind is case or (isinstance(case, str) and case in (one.case_id, one.kind.__name__)))
            and api in (None, one.api)
        ]
        if len(found) == 1:
            return found[0]
        name = case if isinstance(case, str) else case.__name__
        if found:
            raise InvalidInput(f"case {name!r} has the apis {', '.join(one.api for one in found)}: name one")
        known = ", ".join(f"{one.case_id} {one.api}" for one in self.blueprints) or "nothing"
        raise InvalidInput(f"case {name!r}{f' {api}' if api else ''} is not registered; there are: {known}")

    async def start(
        self,
        case: type[BusinessCase] | str,
        payload: Any = None,
        *,
        api: str | None = None,
        business_key: str | None = None,
        idempotency_key: str | None = None,
        connection: sa.Connection | AsyncConnection | None = None,
    ) -> Instance:
        """Start a case with a payload (JSON). It is durable when this returns.

        Args:
            case, api: as in `blueprint_of`.
            business_key: a name of yours for it.
            idempotency_key: a repeated start answers the first case (`created` is False).
            connection: as in `Procession.start`.

        Raises:
            InvalidInput: it is not registered, or the payload cannot be written as JSON.
        """
        blueprint = self.blueprint_of(case, api)
        hidden = self._hidings[blueprint.process_id].hidden(as_json("the payload", payload))
        return await self.app.start(
            blueprint.process_id,
            {PAYLOAD: hidden, CASE: Progress(stage=blueprint.first)},
            business_key=business_key,
            idempotency_key=idempotency_key,
            connection=connection,
        )

    def looker(self) -> CaseLooker:
        """Answers questions from the database.

        Raises:
            Unsupported: the engine is remote.
        """
        return CaseLooker(self.app._backend.reader("looking at cases"), self.registered)

    async def search(
        self,
        *,
        case: type[BusinessCase] | str | None = None,
        api: str | None = None,
        status: CaseStatus | None = None,
        business_key: str | None = None,
        limit: int = 100,
    ) -> list[CaseInfo]:
        """Cases that match all that is given, newest first. Needs the database.

        Raises:
            InvalidInput: the case or api is not registered.
        """
        return await asyncio.to_thread(
            self.looker().search,
            process_ids=self.process_ids(case, api),
            status=status,
            business_key=business_key,
            limit=limit,
        )

    def process_ids(self, case: type[BusinessCase] | str | None, api: str | None) -> list[str]:
        """Of all apis of a case, or of all cases.

        Raises:
            InvalidInput: none is registered.
        """
        found = [
            one.process_id
            for one in self.blueprints
            if case in (None, one.kind, one.case_id, one.kind.__name__) and api in (None, one.api)
        ]
        if not found:
            raise InvalidInput(f"no case {case or ''} {api or ''} is registered here")
        return found

    async def show(self, key: int) -> CaseDetail:
        """One case with its data and stages. Needs the database.

        Raises:
            NotFound: there is none of the registered ones with this key.
        """
        return await asyncio.to_thread(self.looker().detail, key)

    async def follow(self, key: int) -> AsyncIterator[CaseDetail]:
        """The case as it is now, and again whenever it has gone on or failed, until it has ended.

        What happens in quick succession is told together. Needs the database.

        Raises:
            NotFound: there is none of the registered ones with this key.
        """
        mark = None
        told: CaseDetail | None = None
        with self._watching_for_end(key) as watch:
            while told is None or told.info.status not in ENDED:
                mark = await watch.changed(key, mark)
                detail = await self.show(key)
                if detail != told:
                    yield detail
                told = detail

    async def wait(self, key: int, timeout: timedelta) -> CaseDetail:
        """The case once it has ended, or as it is after `timeout`. Needs the database.

        Raises:
            NotFound: there is none of the registered ones with this key.
        """
        mark = None
        with self._watching_for_end(key) as watch, suppress(TimeoutError):
            async with asyncio.timeout(timeout.total_seconds()):
                while (mark := await watch.changed(key, mark)) is not None and not mark.ended:
                    pass
        return await self.show(key)

    def _watching(self) -> Watch:
        if self._watch is None:
            self.app._backend.reader("watching cases")
            raise NotReady("the app is being left")
        return self._watch

    @contextmanager
    def _watching_for_end(self, key: int) -> Iterator[Watch]:
        """The watch, which is told of the end of a case at once."""
        watch = self._watching()
        ended = self.app._backend.watch(key)
        ended.add_done_callback(watch.look)
        try:
            yield watch
        finally:
            ended.cancel()


def cases_of(app: Procession) -> CaseManager:
    """The case manager of an app.

    Raises:
        InvalidInput: it has none.
    """
    found = app.extension(CaseManager)
    if found is None:
        raise InvalidInput("the app has no CaseManager: make one with CaseManager(app)")
    return found
