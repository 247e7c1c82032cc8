"""`procession incident list|resolve`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from procession.cli.database import ask, client
from procession.cli.exits import EXIT_CODES
from procession.cli.options import DEFAULT_DATABASE, Database, Format, Limit, OutputFormat, Upgrade
from procession.cli.output import print_json, print_text, table

if TYPE_CHECKING:
    from rich.table import Table

    from procession import IncidentInfo

group = typer.Typer(
    help="Look at what needs an operator, and let it go on.", no_args_is_help=True, epilog=EXIT_CODES
)


@group.command("list", epilog=EXIT_CODES)
def list_(
    process: Annotated[str | None, typer.Option(metavar="PROCESS_ID", help="Only of this process.")] = None,
    instance: Annotated[int | None, typer.Option(metavar="KEY", help="Only of this instance.")] = None,
    resolved: Annotated[bool, typer.Option("--resolved", help="Also those that are resolved.")] = False,
    limit: Limit = 100,
    db: Database = DEFAULT_DATABASE,
    format: Format = OutputFormat.TABLE,
) -> None:
    """List open incidents, newest first.

    \b
    Examples:
      procession incident list
      procession incident list --process order --resolved --format json
    """
    from procession.storage import searches

    found = ask(
        db,
        lambda engine: searches.incidents(
            engine, instance_key=instance, process_id=process, include_resolved=resolved, limit=limit
        ),
    )
    if format is OutputFormat.JSON:
        print_json(found)
    else:
        print_text(_table(found) if found else "No incidents match.")


def _table(found: Sequence[IncidentInfo]) -> Table:
    headers = (
        "key",
        "type",
        "process",
        "instance",
        "business key",
        "element",
        "created",
        "resolved",
        "message",
    )
    rows = (
        (
            i.key,
            i.type,
            i.process_id,
            i.instance_key,
            i.business_key,
            i.element_id,
            i.created_at,
            i.ended_at,
            i.message,
        )
        for i in found
    )
    return table(headers, rows)


@group.command(epilog=EXIT_CODES)
def resolve(
    key: Annotated[int, typer.Argument(metavar="KEY", help="Key of an incident.")],
    retries: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Give its job so many retries first.")
    ] = None,
    db: Database = DEFAULT_DATABASE,
    upgrade: Upgrade = True,
    format: Format = OutputFormat.TABLE,
) -> None:
    """Run the step that failed again, now that its cause is gone.

    A job that has no retries left needs some: --retries.

    \b
    Examples:
      procession incident resolve 2251799813685301
      procession incident resolve 2251799813685301 --retries 3
    """

    async def _resolve() -> None:
        async with client(db, upgrade=upgrade) as app:
            await app.resolve_incident(key, retries)

    asyncio.run(_resolve())
    if format is OutputFormat.JSON:
        print_json({"key": key, "resolved": True})
    else:
        print_text(f"Resolved: incident {key}; its step runs again")
