"""Options that many commands share."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

DEFAULT_DATABASE = "sqlite:///procession.db"


class OutputFormat(StrEnum):
    """How results are printed."""

    TABLE = "table"
    JSON = "json"


Database = Annotated[
    str,
    typer.Option(
        "--db",
        envvar="PROCESSION_DB",
        metavar="URL",
        show_default=True,
        help="Database, such as sqlite:///orders.db or postgresql://user:password@host/orders; "
        "or a server, such as grpc://host:26500 or grpcs://host:26500.",
    ),
]
AppDatabase = Annotated[
    str | None,
    typer.Option(
        "--db", envvar="PROCESSION_DB", metavar="URL", help="Database to use in place of the app's own."
    ),
]
Format = Annotated[OutputFormat, typer.Option("--format", help="Print a table, or JSON for programs.")]
Limit = Annotated[
    int, typer.Option("--limit", min=1, metavar="N", help="Print at most so many of each list.")
]
Upgrade = Annotated[
    bool,
    typer.Option(
        "--upgrade/--no-upgrade",
        envvar="PROCESSION_UPGRADE",
        help="Make or upgrade the tables if need be; otherwise that takes `procession db upgrade`.",
    ),
]
InstanceKey = Annotated[int, typer.Argument(metavar="KEY", help="Key of a process instance.")]
Variables = Annotated[
    str | None,
    typer.Option(
        "--variables", metavar="JSON|@FILE", help="A JSON object, or @ and the name of a file with one."
    ),
]
