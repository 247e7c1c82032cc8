"""`procession instance list|show|cancel|migrate`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from procession.cli.database import ask, client
from procession.cli.exits import EXIT_CODES
from procession.cli.options import (
    DEFAULT_DATABASE,
    Database,
    Format,
    InstanceKey,
    Limit,
    OutputFormat,
    Upgrade,
)
from procession.cli.output import moment, plain, print_json, print_text, table
from procession.cli.parsing import read_mapping, read_state
from procession.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from rich.console import RenderableType

    from procession import InstanceDetail, PathStep

group = typer.Typer(
    help="Look at process instances, cancel them, and move them to other versions.",
    no_args_is_help=True,
    epilog=EXIT_CODES,
)


@group.command("list", epilog=EXIT_CODES)
def list_(
    process: Annotated[str | None, typer.Option(metavar="PROCESS_ID", help="Only of this process.")] = None,
    state: Annotated[
        str | None, typer.Option(metavar="STATE", help="Only active, completed or terminated ones.")
    ] = None,
    business_key: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Only with this business key.")
    ] = None,
    limit: Limit = 100,
    db: Database = DEFAULT_DATABASE,
    format: Format = OutputFormat.TABLE,
) -> None:
    """List process instances, newest first.

    \b
    Examples:
      procession instance list --state active
      procession instance list --process order --business-key A-1 --format json
    """
    from procession.storage import searches

    status = None if state is None else read_state(state)
    found = ask(
        db,
        lambda engine: searches.instances(
            engine, process_id=process, state=status, business_key=business_key, limit=limit
        ),
    )
    if format is OutputFormat.JSON:
        print_json(found)
        return
    headers = ("key", "process", "version", "state", "business key", "started", "ended", "incidents")
    rows = (
        (i.key, i.process_id, i.version, i.state, i.business_key, i.started_at, i.ended_at, i.incidents or "")
        for i in found
    )
    print_text(table(headers, rows) if found else "No process instances match.")


@group.command(epilog=EXIT_CODES)
def show(
    key: InstanceKey,
    limit: Limit = 1000,
    db: Database = DEFAULT_DATABASE,
    format: Format = OutputFormat.TABLE,
) -> None:
    """Show one instance: the path it took, where it waits and why, its variables and incidents.

    \b
    Examples:
      procession instance show 2251799813685252
      procession instance show 2251799813685252 --format json
    """
    from procession.storage import searches

    detail = ask(db, lambda engine: searches.instance(engine, key, limit=limit))
    if detail is None:
        raise NotFound(
            f"there is no process instance with key {key}; `procession instance list` shows those there are",
            key=key,
        )
    if format is OutputFormat.JSON:
        print_json(detail)
    else:
        print_text(*_lines(detail))


def _lines(detail: InstanceDetail) -> list[RenderableType]:
    parts: list[RenderableType] = [_headline(detail), _path(detail)]
    if detail.waiting:
        rows = [(place.element_id, place.name, place.reason) for place in detail.waiting]
        more = " (more follow: raise --limit)" if detail.waiting_truncated else ""
        parts.append(table(("element", "name", "waits for"), rows, title=f"Waits at{more}"))
    if detail.variables:
        values = [(name, msgspec.json.encode(value).decode()) for name, value in detail.variables.items()]
        parts.append(table(("name", "value"), values, title="Variables"))
    if detail.incidents:
        problems = [(i.key, i.type, i.element_id, i.message) for i in detail.incidents]
        parts.append(table(("key", "type", "element", "message"), problems, title="Incidents"))
        parts.append("When the cause is gone: procession incident resolve KEY")
    return parts


def _headline(detail: InstanceDetail) -> str:
    info = detail.info
    business_key = f", business key {info.business_key}" if info.business_key is not None else ""
    ended = f", ended {moment(info.ended_at)}" if info.ended_at is not None else ""
    return (
        f"Instance {info.key} of {info.process_id} version {info.version}: {info.state}{business_key}, "
        f"started {moment(info.started_at)}{ended}"
    )


def _path(detail: InstanceDetail) -> RenderableType:
    more = " (more follow: raise --limit)" if detail.path_truncated else ""
    headers = ("element", "name", "kind", "state", "started", "ended")
    rows = [
        (_indented(step), step.name, step.kind, step.state, step.started_at, step.ended_at)
        for step in detail.path
    ]
    return table(headers, rows, title=f"Path{more}")


def _indented(step: PathStep) -> str:
    counter = f" #{step.loop_counter}" if step.loop_counter else ""
    return f"{'  ' * step.depth}{plain(step.element_id)}{counter}"


@group.command(epilog=EXIT_CODES)
def cancel(
    key: InstanceKey,
    db: Database = DEFAULT_DATABASE,
    upgrade: Upgrade = True,
    format: Format = OutputFormat.TABLE,
) -> None:
    """Cancel a running instance with everything that is active in it.

    An instance that another one called ends only with that one: cancel the root.

    \b
    Example:
      procession instance cancel 2251799813685252
    """

    async def _cancel() -> None:
        async with client(db, upgrade=upgrade) as app:
            await app.cancel(key)

    asyncio.run(_cancel())
    if format is OutputFormat.JSON:
        print_json({"key": key, "cancelled": True})
    else:
        print_text(f"Cancelled: instance {key}")


@group.command(epilog=EXIT_CODES)
def migrate(
    key: InstanceKey,
    to: Annotated[
        int | None, typer.Option("--to", metavar="VERSION", help="The version of its process to move it to.")
    ] = None,
    definition: Annotated[
        int | None,
        typer.Option("--definition", metavar="KEY", help="Instead of --to: a version of any process."),
    ] = None,
    map_: Annotated[
        list[str] | None,
        typer.Option(
            "--map", metavar="OLD=NEW", help="What an element becomes; the others keep their ids. Repeatable."
        ),
    ] = None,
    only_mapped: Annotated[
        bool,
        typer.Option(
            "--only-mapped", help="No element keeps its id unless --map says so (servers want that)."
        ),
    ] = False,
    retype_jobs: Annotated[
        bool,
        typer.Option(
            "--retype-jobs", help="Jobs get the types of their new elements; else they keep theirs."
        ),
    ] = False,
    db: Database = DEFAULT_DATABASE,
    upgrade: Upgrade = True,
    format: Format = OutputFormat.TABLE,
) -> None:
    """Move a running instance to another version of its process: all that is active in it, or nothing.

    What it waits for goes along: jobs with their tries, messages and timers as they are. What is active and
    has no place there is named, and nothing happens.

    \b
    Examples:
      procession instance migrate 2251799813685252 --to 3
      procession instance migrate 2251799813685252 --to 3 --map pack=pack-goods --map ship=send
      procession instance migrate 2251799813685252 --definition 2251799813685300 --retype-jobs
    """
    mapping = read_mapping(map_ or (), "--map")
    if (to is None) == (definition is None):
        raise InvalidInput("say where to move it: --to VERSION, or --definition KEY")

    async def _migrate() -> None:
        async with client(db, upgrade=upgrade) as app:
            await app.migrate(
                key,
                mapping,
                version=to,
                definition_key=definition,
                equal_ids=not only_mapped,
                retype_jobs=retype_jobs,
            )

    asyncio.run(_migrate())
    if format is OutputFormat.JSON:
        print_json({"key": key, "migrated": True})
    else:
        where = f"version {to}" if to is not None else f"definition {definition}"
        print_text(f"Migrated: instance {key} to {where}")
