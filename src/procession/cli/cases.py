"""`procession case list|show|start|serve|key`."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from procession.cli.database import ask
from procession.cli.exits import EXIT_CODES
from procession.cli.options import AppDatabase, Format, Limit, OutputFormat
from procession.cli.output import moment, print_json, print_text, table
from procession.cli.parsing import LOOPBACK, read_address, read_duration, read_json
from procession.cli.running import serve as run_until_told
from procession.cli.targets import cases_at
from procession.errors import DeadlineExceeded, InvalidInput, ProcessionError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from procession.gateway.cases.known import KnownCaseServer
    from procession.gateway.cases.server import CaseServer
    from procession.process.cases import CaseDetail, CaseInfo, CaseManager, CaseStatus

group = typer.Typer(
    help="Start business cases, look at them, and serve them over HTTP.",
    no_args_is_help=True,
    epilog=EXIT_CODES,
)

Target = Annotated[
    str,
    typer.Argument(
        metavar="MODULE:APP", help="Where the Procession app is, or its CaseManager, or a BusinessCase class."
    ),
]
Case = Annotated[str, typer.Argument(metavar="NAME", help="A class or case id.")]
Api = Annotated[str | None, typer.Option("--api", metavar="API", help="Of this api, such as v1.")]
Key = Annotated[int, typer.Argument(metavar="KEY", help="Key of a case.")]


@group.command("list", epilog=EXIT_CODES)
def list_(
    target: Target,
    case: Annotated[str | None, typer.Option("--case", metavar="NAME", help="Only of this case.")] = None,
    api: Api = None,
    status: Annotated[
        str | None, typer.Option("--status", metavar="STATUS", help="Only with this status, such as HELD.")
    ] = None,
    business_key: Annotated[
        str | None, typer.Option("--business-key", metavar="TEXT", help="Only with this business key.")
    ] = None,
    limit: Limit = 100,
    db: AppDatabase = None,
    format: Format = OutputFormat.TABLE,
) -> None:
    """List business cases, newest first.

    \b
    Examples:
      procession case list bank.app:app --status HELD
      procession case list bank.app:app --case OpenAccount --api v1 --format json
    """
    from procession.process.cases.looking import CaseLooker

    manager = cases_at(target, db)
    found = ask(
        manager.app.url,
        lambda engine: CaseLooker(engine, manager.registered).search(
            process_ids=manager.process_ids(case, api),
            status=_status(status),
            business_key=business_key,
            limit=limit,
        ),
    )
    if format is OutputFormat.JSON:
        print_json(found)
    else:
        print_text(_table(found) if found else "No cases match.")


@group.command(epilog=EXIT_CODES)
def show(target: Target, key: Key, db: AppDatabase = None, format: Format = OutputFormat.TABLE) -> None:
    """Show one case: where it is and why, its data, and the stages it went through.

    Hidden fields are shown as ***.

    \b
    Examples:
      procession case show bank.app:app 2251799813685252
      procession case show bank.app:app 2251799813685252 --format json
    """
    from procession.process.cases.looking import CaseLooker

    manager = cases_at(target, db)
    detail = ask(manager.app.url, lambda engine: CaseLooker(engine, manager.registered).detail(key))
    if format is OutputFormat.JSON:
        print_json(detail)
    else:
        print_text(*_lines(detail))


@group.command(epilog=EXIT_CODES)
def start(
    target: Target,
    case: Case,
    payload: Annotated[
        str,
        typer.Option("--payload", metavar="JSON|@FILE", help="JSON, or @ and the name of a file with it."),
    ] = "null",
    api: Api = None,
    business_key: Annotated[
        str | None, typer.Option("--business-key", metavar="TEXT", help="A name of yours for the case.")
    ] = None,
    idempotency_key: Annotated[
        str | None,
        typer.Option(
            "--idempotency-key",
            metavar="TEXT",
            help="Starting again with the same key answers the same case.",
        ),
    ] = None,
    wait: Annotated[
        str | None,
        typer.Option(metavar="DURATION", help="Wait so long for the end, and print the case (30s, 5m)."),
    ] = None,
    db: AppDatabase = None,
    format: Format = OutputFormat.TABLE,
) -> None:
    """Start a case. It is durable when its key is printed; workers carry it on.

    With --wait it is printed as it ended; if it has not ended in time the exit code is 1, and it goes on.

    \b
    Examples:
      procession case start bank.app:app OpenAccount --payload '{"email": "ada@example.com"}'
      procession case start bank.app:app open-account --api v1 --payload @account.json --wait 30s
    """
    manager = cases_at(target, db)
    manager.app.serve = False
    given, patience = read_json(payload, "--payload"), None if wait is None else read_duration(wait, "--wait")

    async def _start() -> tuple[Any, CaseDetail | None]:
        async with manager.app:
            instance = await manager.start(
                case, given, api=api, business_key=business_key, idempotency_key=idempotency_key
            )
            return instance, None if patience is None else await manager.wait(instance.key, patience)

    instance, detail = asyncio.run(_start())
    if format is OutputFormat.JSON:
        print_json(detail or {"key": instance.key, "created": instance.created})
    else:
        print_text(f"{'Started' if instance.created else 'Already started'}: case {instance.key}")
        print_text(*(_lines(detail) if detail is not None else []))
    if detail is not None and detail.info.ended_at is None:
        raise DeadlineExceeded(f"case {instance.key} has not ended within {wait}; it goes on")


@group.command(epilog=EXIT_CODES)
def key(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Its name: at most 16 letters, digits, _ and -.")
    ],
) -> None:
    """Make a secret key for business cases, and print it.

    All processes of an installation need the same keys, in PROCESSION_CASE_KEYS, separated by commas; the
    first one is used, the others can still read. To replace a key, add the new one at the end everywhere,
    then put it first everywhere, then drop the old one when the cases of before have ended.

    \b
    Examples:
      export PROCESSION_CASE_KEYS="$(procession case key 2026-11)"
    """
    from procession.process.cases import new_key

    print_text(new_key(name))


@group.command(epilog=EXIT_CODES)
def serve(
    target: Target,
    http: Annotated[
        str,
        typer.Option(
            "--http",
            envvar="PROCESSION_HTTP",
            metavar="[HOST:]PORT",
            help="Listen there; the host is 127.0.0.1 unless given.",
        ),
    ] = "8080",
    workers: Annotated[
        bool,
        typer.Option("--workers/--no-workers", help="Run stages here too, or only take requests."),
    ] = True,
    tls_cert: Annotated[
        Path | None, typer.Option("--tls-cert", metavar="FILE", help="TLS: the certificate chain, PEM.")
    ] = None,
    tls_key: Annotated[
        Path | None, typer.Option("--tls-key", metavar="FILE", help="TLS: the private key, PEM.")
    ] = None,
    url: Annotated[
        str | None,
        typer.Option(
            "--url",
            metavar="URL",
            help="Where gateways reach it; otherwise the address it listens on, or this host's name.",
        ),
    ] = None,
    db: AppDatabase = None,
    format: Format = OutputFormat.TABLE,
) -> None:
    """Serve business cases over HTTP, until SIGINT or SIGTERM.

    Clients start a case with POST /CASE/API and read its status, result, stages and events; /schema
    describes it all. It is found by `procession gateway` on the same database. On a signal it drains: it
    accepts for three seconds more, until gateways have noticed, finishes what it holds, and ends.

    \b
    Examples:
      procession case serve bank.app:app
      procession case serve bank.app:app --http 0.0.0.0:8080 --no-workers --url http://10.0.0.7:8080
      curl -X POST localhost:8080/open-account/v1 -d '{"email": "ada@example.com"}'
    """
    from procession.client.remote import is_remote

    server = _server(target, db, http, tls_cert, tls_key)
    server.manager.app.serve = workers
    if is_remote(server.manager.app.url):
        if url is not None:
            raise InvalidInput("--url is for gateways, which need a database to find servers: give --db")
        asyncio.run(run_until_told(server, _announce, format))
    else:
        asyncio.run(run_until_told(_known(server, url), _announce_known, format))


def _known(server: CaseServer, url: str | None) -> KnownCaseServer:
    from procession.gateway.cases.known import KnownCaseServer

    return KnownCaseServer(server, url)


def _announce_known(known: KnownCaseServer, format: OutputFormat) -> None:
    _announce(known.server, format)


def _server(target: str, db: str | None, http: str, certificate: Path | None, key: Path | None) -> CaseServer:
    try:
        from procession.gateway.cases.server import CaseServer
        from procession.gateway.listen import Listen
    except ModuleNotFoundError as missing:
        raise ProcessionError(
            f'`procession case serve` needs the package {missing.name}: pip install "procession[cases]"'
        ) from None
    host, port = read_address(http, "--http")
    return CaseServer(cases_at(target, db), Listen(host=host, port=port, certificate=certificate, key=key))


def _announce(server: CaseServer, format: OutputFormat) -> None:
    from procession import __version__
    from procession.messaging.addresses import shown
    from procession.storage.searches import full_name

    manager, tls = server.manager, server.listen.certificate is not None
    url = f"{'https' if tls else 'http'}://{server.listen.host}:{server.port}"
    served = [f"{one.case_id}/{one.api}" for one in manager.blueprints]
    if format is OutputFormat.JSON:
        print_json(
            {
                "version": __version__,
                "http": url,
                "database": full_name(manager.app.url),
                "queues": shown(manager.broker),
                "cases": served,
                "workers": manager.app.serve,
                "pid": os.getpid(),
            }
        )
    else:
        print_text(
            f"Procession {__version__} serves business cases, process {os.getpid()}. Stop it with Ctrl-C.",
            f"HTTP:     {url} (described in {url}/schema)",
            f"Cases:    {', '.join(served)}",
            f"Database: {full_name(manager.app.url)}",
            f"Queues:   {_queues(manager)}",
            f"Start:    curl -X POST {url}/{served[0]} -H 'Content-Type: application/json' -d '{{...}}'",
        )
        if not manager.app.serve:
            print_text("Stages:   run by others (see `procession worker`)")
        if not tls and server.listen.host not in LOOPBACK:
            print_text(
                f"Warning:  {server.listen.host} can be reached from elsewhere, and nothing protects it: "
                "use --tls-cert and --tls-key"
            )
    sys.stdout.flush()


def _queues(manager: CaseManager) -> str:
    from procession.messaging.addresses import shown

    if manager.falls_back:
        return "in the database, as no broker is configured (PROCESSION_BROKER)"
    return shown(manager.broker)


def _status(text: str | None) -> CaseStatus | None:
    from procession.process.cases import CaseStatus

    if text is None:
        return None
    try:
        return CaseStatus(text.upper())
    except ValueError:
        raise InvalidInput(f"--status {text!r} is none of {', '.join(CaseStatus)}") from None


def _table(found: list[CaseInfo]) -> RenderableType:
    return table(
        ("key", "case", "api", "status", "stage", "business key", "started", "ended", "message"),
        [
            (
                one.key,
                one.case_id,
                one.api,
                one.status,
                one.stage,
                one.business_key,
                one.started_at,
                one.ended_at,
                one.message,
            )
            for one in found
        ],
    )


def _lines(detail: CaseDetail) -> list[str | RenderableType]:
    import msgspec

    info = detail.info
    parts: list[str | RenderableType] = [f"Case {info.key}: {info.case_id} {info.api} ({info.label})"]
    at = f" at {info.stage}" if info.stage is not None else ""
    parts.append(f"{info.status}{at}{f': {info.message}' if info.message else ''}")
    ended = f", ended {moment(info.ended_at)}" if info.ended_at is not None else ""
    parts.append(f"Started {moment(info.started_at)}{ended}")
    if info.incident_key is not None:
        parts.append(f"When its cause is mended: procession incident resolve {info.incident_key}")
    if detail.result is not None:
        parts.append(f"Result: {msgspec.json.encode(detail.result).decode()}")
    if detail.error is not None:
        parts.append(f"Error: {detail.error.code}: {detail.error.message} (stage {detail.error.stage})")
    if detail.stages:
        rows = [(run.stage, run.started_at, run.ended_at) for run in detail.stages]
        parts.append(table(("stage", "started", "ended"), rows, title="Stages"))
    values = [(name, msgspec.json.encode(one).decode()) for name, one in detail.data.items()]
    if detail.payload is not None:
        values.insert(0, ("(payload)", msgspec.json.encode(detail.payload).decode()))
    if values:
        parts.append(table(("name", "value"), values, title="Data"))
    return parts
