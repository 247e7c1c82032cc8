"""`procession commands status|disable|enable|unlock|wait`."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from procession.cli.exits import EXIT_CODES, ExitCode
from procession.cli.options import DEFAULT_DATABASE, Format, OutputFormat
from procession.cli.output import print_json, print_text, table
from procession.cli.parsing import read_duration
from procession.cli.targets import load
from procession.errors import InvalidInput, Unsupported

if TYPE_CHECKING:
    from datetime import timedelta

    from procession.operations.commands import Commands, CommandStatus

group = typer.Typer(
    help="See what recurring commands do, stop them safely, and let them go on.",
    no_args_is_help=True,
    epilog=EXIT_CODES,
)

App = Annotated[
    str | None,
    typer.Option(
        "--app",
        metavar="MODULE:COMMANDS",
        help="Where the application's Commands are; without it, those that the database knows.",
    ),
]
CommandsDatabase = Annotated[
    str | None,
    typer.Option(
        "--db",
        envvar="PROCESSION_DB",
        metavar="URL",
        help=f"Database that keeps the locks; otherwise that of --app, or {DEFAULT_DATABASE}.",
    ),
]
Locks = Annotated[
    Path | None,
    typer.Option(
        envvar="PROCESSION_LOCKS",
        metavar="FOLDER",
        help="The locks directory; otherwise that of --app, or storage/locks.",
    ),
]
Key = Annotated[str | None, typer.Argument(metavar="[KEY]", help="Lock key: `commands status` shows it.")]
All = Annotated[bool, typer.Option("--all", help="All commands, in place of KEY.")]
Reason = Annotated[str, typer.Option(metavar="TEXT", help="Why; it is recorded.")]
Actor = Annotated[
    str | None, typer.Option(metavar="NAME", help="Who does it; it is recorded. Otherwise your user name.")
]


@contextmanager
def _commands(app: str | None, db: str | None, locks: Path | None) -> Iterator[Commands]:
    """The commands of an application, or those that a database knows.

    Raises:
        InvalidInput: there is no such application.
        StorageError: there is no such database.
        Unsupported: it is a server.
    """
    from procession.client.remote import is_remote, shown
    from procession.operations.commands import Commands
    from procession.storage.searches import must_exist

    url = db or (None if app else DEFAULT_DATABASE)
    if url is not None and is_remote(url):
        raise Unsupported(f"{shown(url)} is a server and keeps no locks; name its database instead (--db)")
    if app is not None:
        found = load(app)
        if not isinstance(found, Commands):
            raise InvalidInput(f"{app} is a {type(found).__name__}; it must be a Commands")
        found.url, found.locks = url or found.url, found.locks if locks is None else locks.absolute()
    else:
        assert url is not None
        must_exist(url)
        found = Commands(url, locks=locks, alerts=os.environ.get("PROCESSION_ALERTS", "").split())
    with found:
        yield found


@group.command(epilog=EXIT_CODES)
def status(
    app: App = None,
    db: CommandsDatabase = None,
    locks: Locks = None,
    format: Format = OutputFormat.TABLE,
) -> None:
    """Show what every command is up to: Working, LOCKED, DISABLED, ERROR or Idle.

    Exit code 1 if any is LOCKED (its process is gone, or hangs) or ERROR (its last run failed). Who sees
    a lock first whose lease has ended has people told of it: over the channels of --app, or those in
    PROCESSION_ALERTS, or on stderr.

    \b
    Examples:
      procession commands status
      procession commands status --app shop.jobs:commands --format json
      procession commands status --db postgresql://user:password@host/orders
    """
    from procession.operations.commands import Status

    with _commands(app, db, locks) as commands:
        found = commands.status()
    _print(found, format)
    if any(one.status in (Status.LOCKED, Status.ERROR) for one in found):
        raise typer.Exit(ExitCode.FAILED)


def _print(found: Sequence[CommandStatus], format: OutputFormat) -> None:
    if format is OutputFormat.JSON:
        print_json(found)
        return
    headers = ("key", "label", "status", "last start", "last duration", "last error", "note")
    rows = (
        (
            one.key,
            one.label,
            one.status,
            one.last_start,
            _duration(one.last_duration),
            one.last_error,
            one.note,
        )
        for one in found
    )
    print_text(table(headers, rows))


def _duration(value: timedelta | None) -> str:
    return "" if value is None else f"{value.total_seconds():.3f} s"


def _target(key: str | None, all_: bool) -> str:
    from procession.operations.commands.keys import ALL

    if (key is None) != all_:
        raise InvalidInput("name one command, or give --all")
    return ALL if key is None else key


@group.command(epilog=EXIT_CODES)
def disable(
    key: Key = None,
    all: All = False,
    reason: Reason = "",
    actor: Actor = None,
    app: App = None,
    db: CommandsDatabase = None,
    locks: Locks = None,
    format: Format = OutputFormat.TABLE,
) -> None:
    """Keep a command, or all, from starting. Those that run are told to stop, and may take their time.

    Disabling process-manager disables all its channels.

    \b
    Examples:
      procession commands disable --all --reason "database upgrade"
      procession commands disable get-orders --reason "shop is down"
    """
    target = _target(key, all)
    with _commands(app, db, locks) as commands:
        commands.disable(target, actor=actor, reason=reason)
    if format is OutputFormat.JSON:
        print_json({"key": target, "disabled": True})
    else:
        print_text(f"Disabled: {target}; wait for what runs with `procession commands wait --idle`")


@group.command(epilog=EXIT_CODES)
def enable(
    key: Key = None,
    all: All = False,
    reason: Reason = "",
    actor: Actor = None,
    app: App = None,
    db: CommandsDatabase = None,
    locks: Locks = None,
    format: Format = OutputFormat.TABLE,
) -> None:
    """Let a command start again, or all: it undoes `disable`, and removes the .disabled file.

    With --all, commands that were disabled one by one stay so.

    \b
    Examples:
      procession commands enable --all
      procession commands enable get-orders --reason "shop is back"
    """
    target = _target(key, all)
    with _commands(app, db, locks) as commands:
        left = commands.enable(target, actor=actor, reason=reason)
    if format is OutputFormat.JSON:
        print_json({"key": target, "disabled": left is not None, "by": left and left.key})
    else:
        print_text(f"Enabled: {target}" + (f"; but {left.key} is {left}" if left else ""))


@group.command(epilog=EXIT_CODES)
def unlock(
    key: Key = None,
    all: All = False,
    reason: Reason = "",
    actor: Actor = None,
    app: App = None,
    db: CommandsDatabase = None,
    locks: Locks = None,
    format: Format = OutputFormat.TABLE,
) -> None:
    """Free a lock, or all, whoever holds it.

    Meant for processes that are gone. One that still runs loses its lock: it is told at its next renewal,
    and what it then does under its fencing number is refused.

    \b
    Examples:
      procession commands unlock get-orders --reason "host was lost"
      procession commands unlock --all
    """
    target = _target(key, all)
    with _commands(app, db, locks) as commands:
        freed = commands.unlock(target, actor=actor, reason=reason)
    if format is OutputFormat.JSON:
        print_json({"unlocked": [{"key": one, "host": by.host, "pid": by.pid} for one, by in freed.items()]})
    elif freed:
        print_text(*(f"Unlocked: {one}, which was held by {by}" for one, by in freed.items()))
    else:
        print_text("Nothing was locked." if all else f"Nothing to do: {target} is not locked")


@group.command(epilog=EXIT_CODES)
def wait(
    idle: Annotated[bool, typer.Option("--idle", help="Until no command is Working.")] = False,
    timeout: Annotated[
        str | None,
        typer.Option(metavar="SECONDS", help="Give up after this, with exit code 1 (also 30s, 10m)."),
    ] = None,
    app: App = None,
    db: CommandsDatabase = None,
    locks: Locks = None,
    format: Format = OutputFormat.TABLE,
) -> None:
    """Wait until no command is Working, and show what they are then.

    A lock whose process is gone is LOCKED once its lease has ended, and not waited for.

    \b
    Example:
      procession commands disable --all && procession commands wait --idle --timeout 600
    """
    if not idle:
        raise InvalidInput("say what to wait for: procession commands wait --idle")
    limit = None if timeout is None else read_duration(timeout, "--timeout")
    with _commands(app, db, locks) as commands:
        found = commands.wait_until_idle(limit)
    _print(found, format)
