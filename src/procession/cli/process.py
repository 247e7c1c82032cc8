"""`procession process list|show|start|restart|abandon|migrate|work`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from procession.cli.database import ask
from procession.cli.exits import EXIT_CODES, ExitCode
from procession.cli.options import AppDatabase, Format, Limit, OutputFormat
from procession.cli.output import moment, print_json, print_text, table
from procession.cli.parsing import read_duration, read_variables
from procession.cli.targets import manager_at
from procession.errors import InvalidInput

if TYPE_CHECKING:
    from rich.console import RenderableType

    from procession.process import Bulk, ProcessDetail, ProcessInfo, ProcessManager, Status, StepRun

group = typer.Typer(
    help="Look at step processes, start them, and help those that stand still.",
    no_args_is_help=True,
    epilog=EXIT_CODES,
)

Target = Annotated[
    str,
    typer.Argument(
        metavar="MODULE:APP", help="Where the Procession app is, or its ProcessManager, or a Process class."
    ),
]
OfProcess = Annotated[
    str | None, typer.Option("--process", metavar="NAME", help="Only of this class, process id or label.")
]
OfStatus = Annotated[
    str | None, typer.Option("--status", metavar="STATUS", help="Only with this status, such as ERROR.")
]
OfChannel = Annotated[str | None, typer.Option("--channel", metavar="NAME", help="Only in this channel.")]
Keys = Annotated[list[int] | None, typer.Argument(metavar="[KEY]...", help="Keys of processes.")]
Key = Annotated[int, typer.Argument(metavar="KEY", help="Key of a process.")]


@group.command("list", epilog=EXIT_CODES)
def list_(
    target: Target,
    process: OfProcess = None,
    status: OfStatus = None,
    channel: OfChannel = None,
    processable: Annotated[
        str | None, typer.Option("--for", metavar="TYPE:ID", help="Only for this processable.")
    ] = None,
    limit: Limit = 100,
    db: AppDatabase = None,
    format: Format = OutputFormat.TABLE,
) -> None:
    """List step processes, newest first.

    \b
    Examples:
      procession process list shop:app --status ERROR
      procession process list shop:app --process NewOrder --for order:A-1 --format json
    """
    manager = manager_at(target, db)
    found = _search(manager, process, status, channel, processable, limit)
    if format is OutputFormat.JSON:
        print_json(found)
    else:
        print_text(_table(found) if found else "No processes match.")


@group.command(epilog=EXIT_CODES)
def show(target: Target, key: Key, db: AppDatabase = None, format: Format = OutputFormat.TABLE) -> None:
    """Show one process: where it is and why, and the history of its steps.

    JSON has all that was recorded: details, payloads sent and received, log lines.

    \b
    Examples:
      procession process show shop:app 2251799813685252
      procession process show shop:app 2251799813685252 --format json
    """
    from procession.process.looking import Looker

    manager = manager_at(target, db)
    detail = ask(manager.app.url, lambda engine: Looker(engine, manager.registered).detail(key))
    if format is OutputFormat.JSON:
        print_json(detail)
    else:
        print_text(*_lines(detail))


@group.command(epilog=EXIT_CODES)
def start(
    target: Target,
    process: Annotated[str, typer.Argument(metavar="NAME", help="A class, process id or label.")],
    processable: Annotated[str, typer.Argument(metavar="TYPE:ID", help="What it is about.")],
    meta: Annotated[
        str | None,
        typer.Option(metavar="JSON|@FILE", help="Its document: a JSON object, or @ and a file with one."),
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Also if it was started for that before.")] = False,
    db: AppDatabase = None,
    format: Format = OutputFormat.TABLE,
) -> None:
    """Start a process for a processable; once, unless --again is given.

    \b
    Examples:
      procession process start shop:app NewOrder order:A-1
      procession process start shop:app "CREATE ORDER" order:A-1 --meta '{"express": true}' --again
    """
    manager = manager_at(target, db)
    manager.app.serve = False

    async def _start() -> Any:
        async with manager.app:
            return await manager.start(process, processable, meta=read_variables(meta), again=again)

    instance = asyncio.run(_start())
    if format is OutputFormat.JSON:
        print_json({"key": instance.key, "created": instance.created})
    elif instance.created:
        print_text(f"Started: process {instance.key}")
    else:
        print_text(f"Process {instance.key} was started for {processable} before; --again starts another one")


@group.command(epilog=EXIT_CODES)
def restart(
    target: Target,
    keys: Keys = None,
    process: OfProcess = None,
    status: OfStatus = None,
    channel: OfChannel = None,
    db: AppDatabase = None,
    format: Format = OutputFormat.TABLE,
) -> None:
    """Let processes go on with the step that failed, now that its cause is gone.

    Those with status ERROR, EXCEPTION, WARNING or INFO get all their tries again; RETRY tries at once.
    Name them by their keys, or all that match the options.

    \b
    Examples:
      procession process restart shop:app 2251799813685252 2251799813685260
      procession process restart shop:app --status ERROR --process NewOrder
    """

    async def _restart(manager: ProcessManager, found: Sequence[int]) -> Bulk:
        return await manager.restart_all(found)

    _repair(target, keys, (process, status, channel), db, format, "Restarted", _restart)


@group.command(epilog=EXIT_CODES)
def abandon(
    target: Target,
    keys: Keys = None,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why; it is kept with the process.")] = "",
    process: OfProcess = None,
    status: OfStatus = None,
    channel: OfChannel = None,
    db: AppDatabase = None,
    format: Format = OutputFormat.TABLE,
) -> None:
    """End processes for good: they become ABORTED. Who, when, from where and why is kept.

    \b
    Examples:
      procession process abandon shop:app 2251799813685252 --reason "the customer withdrew"
      procession process abandon shop:app --status PENDING --channel books --reason "entered twice"
    """
    if not reason.strip():
        raise InvalidInput("say why with --reason TEXT: it is kept with the process")

    async def _abandon(manager: ProcessManager, found: Sequence[int]) -> Bulk:
        return await manager.abandon_all(found, reason)

    _repair(target, keys, (process, status, channel), db, format, "Abandoned", _abandon)


@group.command(epilog=EXIT_CODES)
def migrate(
    target: Target,
    keys: Keys = None,
    process: OfProcess = None,
    from_: Annotated[
        int | None,
        typer.Option("--from", metavar="N", help="All that run on this version of their class."),
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="All that run on any older version.")] = False,
    db: AppDatabase = None,
    format: Format = OutputFormat.TABLE,
) -> None:
    """Move processes to the newest version of their class.

    What waits (PENDING, RETRY, held, for its turn in a channel) goes on with the new class, at the step that
    its MIGRATE mapping names or that is called the same. What a worker is at is refused: call it again.

    \b
    Examples:
      procession process migrate shop:app 2251799813685252
      procession process migrate shop:app --from 1 --process NewOrder
      procession process migrate shop:app --all
    """
    if sum((bool(keys), from_ is not None or process is not None, all_)) != 1:
        raise InvalidInput("name processes by their keys, or by --from and --process, or all with --all")

    async def _migrate(manager: ProcessManager, found: Sequence[int]) -> Bulk:
        return await manager.migrate_all(found or await manager.outdated(process, from_version=from_))

    _act_on(manager_at(target, db), list(keys or ()), format, "Migrated", _migrate)


@group.command(epilog=EXIT_CODES)
def work(
    target: Target,
    key: Annotated[int | None, typer.Argument(metavar="[KEY]", help="Run only this process, now.")] = None,
    limit: Annotated[
        str, typer.Option("--limit", metavar="DURATION", help="Begin no step after this time.")
    ] = "5m",
    db: AppDatabase = None,
    format: Format = OutputFormat.TABLE,
) -> None:
    """Run what is due, and end when nothing is (`procession worker` goes on).

    With a key, one process runs step after step until it ends or fails, whatever it waits for. It exits
    with 1 if that fails. In the cool-down window no step begins.

    \b
    Examples:
      procession process work shop:app
      procession process work shop:app --limit 10m
      procession process work shop:app 2251799813685252
    """
    manager = manager_at(target, db)
    manager.leasing.held_back = key is not None
    duration = read_duration(limit, "--limit")

    async def _work() -> tuple[Status | None, str]:
        async with manager.app:
            if key is not None:
                status = await manager.work_one(key, duration)
                return status, f"Process {key}: {status}"
            if await manager.work(duration):
                return None, "Nothing more is due."
            why = "The cool-down window has begun" if manager.cools() else f"The limit of {limit} is over"
            return None, f"{why}; more is due."

    ended, text = asyncio.run(_work())
    if format is OutputFormat.JSON:
        print_json({"key": key, "status": ended, "message": text})
    else:
        print_text(text)
    if ended in ("RETRY", "ERROR", "EXCEPTION"):
        raise typer.Exit(ExitCode.FAILED)


# --- what they share --------------------------------------------------------------------------------


def _search(
    manager: ProcessManager,
    process: str | None,
    status: str | None,
    channel: str | None,
    processable: str | None,
    limit: int,
) -> list[ProcessInfo]:
    from procession.process import Processable
    from procession.process.looking import Looker

    wanted = _read_status(status)
    ids = None if process is None else [manager.blueprint_of(process).process_id]
    subject = None if processable is None else Processable.of(processable)
    return ask(
        manager.app.url,
        lambda engine: Looker(engine, manager.registered).search(
            process_ids=ids, status=wanted, channel=channel, processable=subject, limit=limit
        ),
    )


def _read_status(text: str | None) -> Status | None:
    from procession.process import Status

    try:
        return None if text is None else Status(text.upper())
    except ValueError:
        raise InvalidInput(f"--status {text!r} is none of {', '.join(Status)}") from None


MOST_AT_ONCE = 100_000


def _repair(
    target: str,
    keys: Sequence[int] | None,
    filters: tuple[str | None, str | None, str | None],
    db: str | None,
    format: OutputFormat,
    done: str,
    action: Callable[[ProcessManager, Sequence[int]], Awaitable[Bulk]],
) -> None:
    manager = manager_at(target, db)
    if bool(keys) == any(filters):
        raise InvalidInput("name processes by their keys, or by --process, --status and --channel")
    found = list(keys or ()) or [one.key for one in _search(manager, *filters, None, MOST_AT_ONCE)]
    _act_on(manager, found, format, done, action)


def _act_on(
    manager: ProcessManager,
    found: Sequence[int],
    format: OutputFormat,
    done: str,
    action: Callable[[ProcessManager, Sequence[int]], Awaitable[Bulk]],
) -> None:
    async def _act() -> Bulk:
        async with manager.for_repairs() as repairing:
            return await action(repairing, found)

    bulk = asyncio.run(_act())
    if format is OutputFormat.JSON:
        print_json(bulk)
    else:
        print_text(*(f"{done}: process {key}" for key in bulk.done), *bulk.refused.values())
        if not (bulk.done or bulk.refused):
            print_text("No processes match.")
    if bulk.refused:
        raise typer.Exit(ExitCode.FAILED)


def _table(found: Sequence[ProcessInfo]) -> RenderableType:
    columns = sorted({name for one in found for name in one.display})
    headers = ("key", "process", "for", "channel", "status", "step", "started", "ended or due", *columns)
    rows = (
        (
            one.key,
            one.label,
            one.processable,
            one.channel,
            one.status,
            one.step,
            one.started_at,
            one.ended_at or one.due_at,
            *(one.display.get(name) for name in columns),
            one.message,
        )
        for one in found
    )
    return table((*headers, "message"), rows)


def _lines(detail: ProcessDetail) -> list[RenderableType]:
    info = detail.info
    subject = f" for {info.processable}" if info.processable is not None else ""
    where = f" at {info.step}" if info.step is not None else ""
    headline = f"Process {info.key}, {info.label} version {info.class_version}{subject}: {info.status}{where}"
    parts: list[RenderableType] = [headline, f"Channel {info.channel}, started {moment(info.started_at)}"]
    if info.message:
        parts.append(info.message)
    if detail.aborted is not None:
        gone = detail.aborted
        parts.append(f"Abandoned by {gone.by} on {gone.origin}, {moment(gone.at)}: {gone.reason}")
    headers = ("step", "status", "try", "started", "ended", "worker", "sent", "received", "log", "message")
    parts.append(table(headers, [_run(run) for run in detail.history], title="History"))
    if detail.meta:
        values = [(name, msgspec.json.encode(value).decode()) for name, value in detail.meta.items()]
        parts.append(table(("name", "value"), values, title="Meta"))
    return parts


def _run(run: StepRun) -> tuple[object, ...]:
    directions = [payload.direction for payload in run.payloads]
    sent, received = directions.count("sent"), directions.count("received")
    return (
        run.step,
        run.status,
        run.attempt,
        run.started_at,
        run.ended_at,
        run.worker,
        sent or "",
        received or "",
        len(run.log) or "",
        run.message,
    )
