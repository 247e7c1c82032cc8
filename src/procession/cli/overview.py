"""`procession status` and `procession version`."""

from __future__ import annotations

import platform
import sqlite3
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from procession.cli.database import ask
from procession.cli.options import DEFAULT_DATABASE, Database, Format, Limit, OutputFormat
from procession.cli.output import moment, print_json, print_text, table

if TYPE_CHECKING:
    from procession import Status


def status(limit: Limit = 100, db: Database = DEFAULT_DATABASE, format: Format = OutputFormat.TABLE) -> None:
    """Count what runs and what waits, and say whether nodes can work with the database.

    Instances by state, open incidents, jobs by type, timers, buffered messages, latest processes.

    \b
    Examples:
      procession status --db sqlite:///orders.db
      procession status --format json
    """
    from procession.storage import searches
    from procession.storage.examine import examine

    found = ask(db, searches.status)
    found = msgspec.structs.replace(found, jobs=found.jobs[:limit], definitions=found.definitions[:limit])
    problems = examine(db).problems
    if format is OutputFormat.JSON:
        ready = {"ready": not problems, "reason": "; ".join(problems) or None}
        print_json({**msgspec.to_builtins(found), **ready})
    else:
        _print(found, db, problems)


def _print(found: Status, db: str, problems: list[str]) -> None:
    from procession.storage.urls import shown

    due = f", the next due {moment(found.next_timer_due)}" if found.next_timer_due is not None else ""
    counts = [
        ("ready", f"no: {'; '.join(problems)}" if problems else "yes"),
        *((f"instances {state.lower()}", count) for state, count in found.instances.items()),
        ("open incidents", found.open_incidents),
        ("timers", f"{found.timers}{due}"),
        ("buffered messages", found.messages),
    ]
    print_text(f"{shown(db)} (schema {found.schema_version})", table(("what", "how many"), counts))
    if found.jobs:
        headers = ("job type", "activatable", "leased", "retrying", "failed")
        rows = [(j.type, j.activatable, j.leased, j.retrying, j.failed) for j in found.jobs]
        print_text(table(headers, rows, title="Jobs"))
    if found.definitions:
        processes = [(d.process_id, d.version, d.name, d.deployed_at, d.key) for d in found.definitions]
        headers_ = ("process", "version", "name", "deployed", "key")
        print_text(table(headers_, processes, title="Processes (latest versions)"))


def version(
    db: Annotated[str | None, typer.Option("--db", metavar="URL", help="Look at this database too.")] = None,
    format: Format = OutputFormat.TABLE,
) -> None:
    """Print versions.

    Of Procession, of the database schema it writes, of Python and SQLite; and with --db of the schema
    a database has.

    \b
    Examples:
      procession version
      procession version --format json
    """
    from procession import __version__
    from procession.storage import searches
    from procession.storage.schema import VERSION

    versions: dict[str, str | int] = {
        "version": __version__,
        "schema_version": VERSION,
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
    }
    if db is not None:
        versions["database_schema_version"] = ask(db, searches.status).schema_version
    if format is OutputFormat.JSON:
        print_json(versions)
    else:
        print_text(f"Procession {__version__}", table(("what", "version"), versions.items()))
