"""`procession worker`: runs an app's handlers, or drains those that do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Annotated, Self

import typer

from procession.cli.credentials import from_environment
from procession.cli.options import DEFAULT_DATABASE, Format, OutputFormat
from procession.cli.parsing import read_duration
from procession.cli.running import announce, say, serve
from procession.cli.targets import app_of, load

if TYPE_CHECKING:
    from procession import Procession, Readiness
    from procession.operations.registry import Announced

Target = Annotated[
    str | None, typer.Argument(metavar="MODULE:APP", help="Where the Procession app is, or a Process class.")
]
Server = Annotated[
    str | None,
    typer.Option(
        "--server",
        "--db",
        envvar="PROCESSION_DB",
        metavar="URL",
        help="Database or server to use in place of the app's own.",
    ),
]
Upgrade = Annotated[
    bool | None,
    typer.Option(
        "--upgrade/--no-upgrade",
        envvar="PROCESSION_UPGRADE",
        help="Make or upgrade the tables if need be, or leave that to `procession db upgrade`; "
        "otherwise as the app says.",
    ),
]
Grace = Annotated[
    str | None,
    typer.Option(
        "--grace",
        metavar="DURATION",
        help="How long handlers may take after SIGTERM, before their leases are given back; otherwise as "
        "the app says (10s).",
    ),
]
Drain = Annotated[
    bool,
    typer.Option("--drain", help="Run nothing: tell workers that run to drain, and wait until they end."),
]
Ids = Annotated[
    list[str] | None,
    typer.Option(
        "--id", metavar="ID", help="With --drain: this one, of `procession servers list`; repeatable."
    ),
]
Serves = Annotated[
    str | None,
    typer.Option("--serves", metavar="CASE.API", help="With --drain: those that work for this version."),
]
OlderThan = Annotated[
    str | None,
    typer.Option(
        "--older-than",
        metavar="DURATION",
        help="With --drain: only those that have run for longer.",
    ),
]
All = Annotated[bool, typer.Option("--all", help="With --drain: all workers of the database.")]
Timeout = Annotated[
    str, typer.Option("--timeout", metavar="DURATION", help="With --drain: how long to wait for their end.")
]


def worker(
    target: Target = None,
    db: Server = None,
    upgrade: Upgrade = None,
    grace: Grace = None,
    drained: Drain = False,
    id: Ids = None,
    serves: Serves = None,
    older_than: OlderThan = None,
    all: All = False,
    timeout: Timeout = "10m",
    format: Format = OutputFormat.TABLE,
) -> None:
    """Run an app's handlers, until SIGINT or SIGTERM, or until they are drained.

    The module is looked for in the current directory first. On a signal no more jobs are taken,
    handlers get the grace time to finish, and other leases are given back.

    With --drain, workers that run elsewhere on the same database are told to stop: they take no more
    jobs, finish what they hold however long that takes, and end. The command waits for them; exit code 1
    says that --timeout was over first, and names those left. Workers of a server (grpc://) are not known
    there: send them SIGTERM.

    \b
    Examples:
      procession worker orders:app
      procession worker shop.workers:app --db sqlite:///orders.db --grace 5m
      procession worker shop.workers:app --db grpc://zeebe:26500
      procession worker shop.orders:NewOrder --server grpc://zeebe:26500
      procession worker --drain orders:app --older-than 10m --db postgresql://user:password@host/orders
      procession worker --drain --serves open-account.v1 --db sqlite:///orders.db --timeout 15m
      procession worker --drain --id 5f0c1a2b --id 9e3d4c5b --db sqlite:///orders.db
    """
    if drained:
        from procession.cli.draining import Choice, drain

        age = None if older_than is None else read_duration(older_than, "--older-than")
        choice = Choice(app=target, ids=tuple(id or ()), serves=serves, older_than=age, all=all)
        drain(db or DEFAULT_DATABASE, choice, read_duration(timeout, "--timeout"), format)
        return
    if target is None:
        raise typer.BadParameter(
            "name an app to run, such as orders:app; or --drain", param_hint="MODULE:APP"
        )
    if id or serves or older_than or all:
        raise typer.BadParameter("--id, --serves, --older-than and --all go with --drain only")
    _work(target, db, upgrade, grace, format)


def _work(target: str, db: str | None, upgrade: bool | None, grace: str | None, format: OutputFormat) -> None:
    from procession.client.remote import is_remote

    app = app_of(load(target), target, db)
    if is_remote(app.url) and app.credentials is None:
        app.credentials = from_environment()
    if upgrade is not None:
        app.upgrade = upgrade
    if grace is not None:
        app.grace = read_duration(grace, "--grace")
    if is_remote(app.url):
        asyncio.run(serve(app, announce, format))
        return
    known = KnownWorker(app, target, format)
    asyncio.run(serve(known, _announce, format, told=known.when_drained))


def _announce(worker: KnownWorker, format: OutputFormat) -> None:
    announce(worker.app, format)


class KnownWorker:
    """An app that runs and is known in the registry, until it has ended: then all it held is answered."""

    def __init__(self, app: Procession, target: str, format: OutputFormat) -> None:
        self.app = app
        self._target = target
        self._format = format
        self._stop: Callable[[], None] | None = None
        self._obeying: asyncio.Task[None] | None = None

    def when_drained(self, stop: Callable[[], None]) -> None:
        self._stop = stop

    async def __aenter__(self) -> Self:
        from procession.operations.registry import Registry

        await self.app.__aenter__()
        self._registry = Registry(self.app.url, upgrade=False)  # the app has seen to the tables
        try:
            announced = self._registry.announce_worker(app=self._target, serves=_served(self.app))
            self._announced: Announced = await announced.__aenter__()
        except BaseException:
            await self.app.__aexit__(None, None, None)
            await self._registry.close()
            raise
        self._obeying = asyncio.create_task(self._obey())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._obeying is not None:
            self._obeying.cancel()
            await asyncio.gather(self._obeying, return_exceptions=True)
        try:
            await self.app.__aexit__(kind, error, trace)
        finally:
            await self._announced.__aexit__(kind, error, trace)
            await self._registry.close()

    def readiness(self) -> Readiness:
        return self.app.readiness()

    async def _obey(self) -> None:
        await self._announced.told_to_drain()
        say("Draining: takes no more jobs, finishes what it holds ...", self._format)
        await self.app.drain()
        if self._stop is not None:
            self._stop()


def _served(app: Procession) -> set[tuple[str, str]]:
    """The cases and apis of job types such as `open-account.v1.create_user`; others name none."""
    from procession.errors import InvalidInput
    from procession.operations.registry import Served

    found = set()
    for type in app.tasks:
        try:
            one = Served.read(type.rpartition(".")[0])
        except InvalidInput:
            continue  # a job type of another form
        found.add((one.case, one.api))
    return found
