"""`procession servers list`: who runs, as the registry has it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from procession.cli.exits import EXIT_CODES
from procession.cli.options import DEFAULT_DATABASE, Database, Format, OutputFormat
from procession.cli.output import print_json, print_text, table
from procession.errors import Unsupported

if TYPE_CHECKING:
    from rich.table import Table

    from procession.operations.registry import Registration

group = typer.Typer(help="Look at the servers and workers that run.", no_args_is_help=True, epilog=EXIT_CODES)


@group.command("list", epilog=EXIT_CODES)
def list_(
    all: Annotated[
        bool,
        typer.Option("--all", help="Those that ended in the last ten minutes, or were lost in a day, too."),
    ] = False,
    db: Database = DEFAULT_DATABASE,
    format: Format = OutputFormat.TABLE,
) -> None:
    """List the servers and workers that run on a database, with what they serve.

    live: takes work. draining: finishes what it holds, and gets nothing new. With --all also ended (it
    left by itself) and lost (its lease ended before it said anything).

    \b
    Examples:
      procession servers list --db sqlite:///shop.db
      procession servers list --all --db postgresql://user:password@host/shop --format json
    """
    found = asyncio.run(_found(db, all))
    if format is OutputFormat.JSON:
        print_json([_as_json(one) for one in found])
    else:
        print_text(_table(found) if found else "No servers or workers.")


async def _found(db: str, all: bool) -> list[Registration]:
    from procession.operations.registry import Registry

    must_have_registry(db)
    async with Registry(db, upgrade=False) as registry:
        return await registry.known() if all else await registry.alive()


def must_have_registry(db: str) -> None:
    """Refuse what has no registry.

    Raises:
        Unsupported: it is a remote server.
        StorageError: there is no such file.
    """
    from procession.client.remote import is_remote, shown
    from procession.storage.searches import must_exist

    if is_remote(db):
        raise Unsupported(
            f"{shown(db)} has no list of its workers, and cannot tell them anything: name the database of a "
            "Procession server instead. To drain a worker of a server, send its process SIGTERM: it takes "
            "no more jobs, finishes what it holds within its --grace, and ends"
        )
    must_exist(db)


def _as_json(one: Registration) -> dict[str, Any]:
    return msgspec.structs.asdict(one) | {"serves": [str(served) for served in one.serves]}


def _table(found: Sequence[Registration]) -> Table:
    headers = ("id", "kind", "standing", "serves", "url or app", "process", "host", "started")
    rows = (
        (
            one.id,
            one.kind,
            one.standing,
            ", ".join(map(str, one.serves)),
            one.url or one.app,
            one.pid,
            one.host,
            one.started_at,
        )
        for one in found
    )
    return table(headers, rows)
