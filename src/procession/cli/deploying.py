"""`procession deploy`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from procession.cli.database import client
from procession.cli.options import DEFAULT_DATABASE, Database, Format, OutputFormat, Upgrade
from procession.cli.output import print_json, print_text, table
from procession.cli.parsing import read_file
from procession.errors import InvalidInput

if TYPE_CHECKING:
    from procession import Deployment


def deploy(
    files: Annotated[list[Path], typer.Argument(metavar="FILES...", help="BPMN files.")],
    db: Database = DEFAULT_DATABASE,
    upgrade: Upgrade = True,
    format: Format = OutputFormat.TABLE,
) -> None:
    """Deploy BPMN files, all or none.

    The database is created if need be. Everything is validated first, and every fault is listed with
    its file, line and element. A file that has not changed keeps its version.

    \b
    Examples:
      procession deploy order.bpmn
      procession deploy order.bpmn payment.bpmn --db sqlite:///orders.db
    """
    deployment = asyncio.run(_deploy(db, _read_all(files), upgrade))
    if format is OutputFormat.JSON:
        print_json(deployment)
    else:
        _print(deployment)


def _read_all(paths: Sequence[Path]) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    for path in paths:
        if path.name in files:
            raise InvalidInput(
                f"two files are named {path.name}; deploy them one after the other, or rename one"
            )
        files[path.name] = read_file(path)
    return files


async def _deploy(db: str, files: dict[str, bytes], upgrade: bool) -> Deployment:
    from procession.broker import prepare
    from procession.client.remote import is_remote

    if not is_remote(db):
        prepare(files)  # so that what is refused creates no database
    async with client(db, create=True, upgrade=upgrade) as app:
        return await app.deploy_files(files)


def _print(deployment: Deployment) -> None:
    rows = [
        (definition.key, definition.process_id, definition.version, definition.name, definition.resource_name)
        for definition in deployment.definitions
    ]
    print_text(table(("key", "process", "version", "name", "file"), rows, title="Deployed"))
    print_text(*(f"warning: {warning}" for warning in deployment.warnings))
