"""`procession db upgrade|check`: the database, for those who run it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from procession.cli.exits import EXIT_CODES
from procession.cli.options import DEFAULT_DATABASE, Database, Format, OutputFormat
from procession.cli.output import print_json, print_text, table
from procession.errors import StorageError

if TYPE_CHECKING:
    from procession.storage.examine import Examination

group = typer.Typer(help="Make, upgrade and look over the database.", no_args_is_help=True, epilog=EXIT_CODES)


@group.command(epilog=EXIT_CODES)
def upgrade(
    sql: Annotated[bool, typer.Option("--sql", help="Print the SQL instead of running it.")] = False,
    from_version: Annotated[
        int | None,
        typer.Option(
            min=0,
            metavar="N",
            help="With --sql: write it for a database that has schema N (0: none yet), without looking.",
        ),
    ] = None,
    db: Database = DEFAULT_DATABASE,
    format: Format = OutputFormat.TABLE,
) -> None:
    """Bring the tables to this version's schema, all or nothing.

    Nodes may go on meanwhile: they wait while it runs, and go on afterwards if they can work with the
    new schema; `procession db check` says beforehand which can. On PostgreSQL the user needs the right
    to change the tables. With --sql the database is only looked at, and with --from-version not even
    that: its URL merely says which dialect to write.

    \b
    Examples:
      procession db upgrade --db postgresql://owner:password@host/orders
      procession db upgrade --sql --db postgresql://owner@host/orders > upgrade.sql
      procession db upgrade --sql --from-version 0 --db postgresql:///orders > create.sql
      psql -v ON_ERROR_STOP=1 -f upgrade.sql orders
    """
    if from_version is not None and not sql:
        raise typer.BadParameter("goes with --sql only", param_hint="--from-version")
    if sql:
        _write(db, from_version, format)
    else:
        _upgrade(db, format)


def _write(db: str, from_version: int | None, format: OutputFormat) -> None:
    from procession.storage.migrate import upgrade_sql
    from procession.storage.schema import VERSION
    from procession.storage.searches import full_name
    from procession.storage.urls import is_postgresql

    full_name(db)  # a URL that is not understood is refused
    start = _version(db) if from_version is None else from_version
    dialect = "postgresql" if is_postgresql(db) else "sqlite"
    newer = from_version is None and start > VERSION
    written = "" if newer else upgrade_sql(dialect, start)
    if format is OutputFormat.JSON:
        print_json({"from_version": start, "to_version": max(start, VERSION), "sql": written})
    else:
        sys.stdout.write(written or f"-- Nothing to do: schema {start} is current.\n")


def _version(db: str) -> int:
    """The schema of a database; 0 if it has none."""
    from procession.storage.examine import examine

    return examine(db).schema_version or 0


def _upgrade(db: str, format: OutputFormat) -> None:
    from procession.storage import open_storage
    from procession.storage.searches.opening import database_file, full_name
    from procession.storage.urls import is_postgresql

    exists = is_postgresql(db) or database_file(db).is_file()
    before = _version(db) if exists else 0
    open_storage(db).close()
    after = _version(db)
    if format is OutputFormat.JSON:
        print_json({"database": full_name(db), "from_version": before, "to_version": after})
    elif before == after:
        print_text(f"Nothing to do: {full_name(db)} has schema {after}")
    else:
        came_from = f"from schema {before}" if before else "from nothing"
        print_text(f"Upgraded {full_name(db)} {came_from} to schema {after}")


@group.command(epilog=EXIT_CODES)
def check(db: Database = DEFAULT_DATABASE, format: Format = OutputFormat.TABLE) -> None:
    """Say whether this version can work with the database, and why not. Nothing is changed.

    Looks at the schema (version, missing tables, columns and indexes, whether an upgrade is needed and
    which nodes go on after it), at the server (version, encoding, whether it may be written), and
    warns of settings that endanger what was acknowledged. Exit code 0: nodes can work with it.

    \b
    Examples:
      procession db check --db sqlite:///orders.db
      procession db check --db postgresql://user:password@host/orders --format json
    """
    from procession.storage.examine import examine

    found = examine(db)
    if format is OutputFormat.JSON:
        print_json(found)
    else:
        _print(found)
    if not found.usable:
        raise StorageError(f"database {found.database} cannot be used as it is: {'; '.join(found.problems)}")


def _print(found: Examination) -> None:
    version = found.schema_version
    rows = [
        ("usable", "yes" if found.usable else "no"),
        ("server", found.server),
        ("schema of the database", "none" if version is None else version),
        ("schema of this Procession", found.program_schema_version),
        (
            "nodes that can use it know schema",
            f"{found.readable_since or found.nodes_after_upgrade} or newer",
        ),
        ("upgrade", _advice(found)),
        *(("problem", text) for text in found.problems),
        *(("warning", text) for text in found.warnings),
    ]
    print_text(found.database, table(("what", "found"), rows))


def _advice(found: Examination) -> str:
    if not found.upgrade_needed:
        return "not needed"
    if found.schema_version is None or found.schema_version >= found.nodes_after_upgrade:
        return "needed: procession db upgrade; nodes that run now go on after it"
    return (
        "needed: procession db upgrade; nodes of before schema "
        f"{found.nodes_after_upgrade} stop working with it, so replace them at the same time"
    )
