"""`procession definition list|delete`."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from procession.cli.database import ask, client
from procession.cli.exits import EXIT_CODES
from procession.cli.options import DEFAULT_DATABASE, Database, Format, Limit, OutputFormat, Upgrade
from procession.cli.output import print_json, print_text, table

group = typer.Typer(
    help="Look at the versions of deployed processes, and delete them.",
    no_args_is_help=True,
    epilog=EXIT_CODES,
)


@group.command("list", epilog=EXIT_CODES)
def list_(
    process: Annotated[str | None, typer.Option(metavar="PROCESS_ID", help="Only of this process.")] = None,
    deleted: Annotated[bool, typer.Option("--deleted", help="Also those that were deleted.")] = False,
    limit: Limit = 100,
    db: Database = DEFAULT_DATABASE,
    format: Format = OutputFormat.TABLE,
) -> None:
    """List the versions of processes, the newest of each first.

    \b
    Examples:
      procession definition list
      procession definition list --process order --deleted --format json
    """
    from procession.storage import searches

    found = ask(
        db,
        lambda engine: searches.definitions(engine, process_id=process, include_deleted=deleted, limit=limit),
    )
    if format is OutputFormat.JSON:
        print_json(found)
        return
    headers = ("key", "process", "version", "name", "deployed", "deleted")
    rows = ((d.key, d.process_id, d.version, d.name, d.deployed_at, d.deleted_at) for d in found)
    print_text(table(headers, rows) if found else "No versions match.")


@group.command(epilog=EXIT_CODES)
def delete(
    key: Annotated[int, typer.Argument(metavar="KEY", help="Key of a version: `definition list` shows it.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask first.")] = False,
    db: Database = DEFAULT_DATABASE,
    upgrade: Upgrade = True,
    format: Format = OutputFormat.TABLE,
) -> None:
    """Delete a version of a process that no instance runs any more. It cannot be undone.

    The latest version is then the one before. The history of its instances stays.

    \b
    Examples:
      procession definition delete 2251799813685250
      procession definition delete 2251799813685250 --yes --format json
    """
    if not yes:
        typer.confirm(f"Delete version {key} for ever?", abort=True, err=True)

    async def _delete() -> None:
        async with client(db, upgrade=upgrade) as app:
            await app.delete_definition(key)

    asyncio.run(_delete())
    if format is OutputFormat.JSON:
        print_json({"key": key, "deleted": True})
    else:
        print_text(f"Deleted: process definition {key}")
