"""The commands put together, and what happens to their errors."""

from __future__ import annotations

import logging
import os
import sys
import traceback
from typing import Annotated, Any

import typer

from procession.cli import (
    cases,
    commands,
    databases,
    definitions,
    deploying,
    exporting,
    gateway,
    incidents,
    instances,
    letters,
    overview,
    process,
    servers,
    serving,
    starting,
    working,
)
from procession.cli.exits import EXIT_CODES, complain, exit_code

# Help is plain text: it must survive pipes and narrow terminals with its examples intact.
app = typer.Typer(
    name="procession",
    help="Durable business processes. Every command takes --db URL (or PROCESSION_DB) and --help.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
for _command in (
    serving.up,
    deploying.deploy,
    starting.start,
    starting.publish,
    starting.signal,
    working.worker,
    gateway.gateway,
    exporting.export,
    overview.status,
    overview.version,
):
    app.command(epilog=EXIT_CODES)(_command)
app.add_typer(instances.group, name="instance")
app.add_typer(process.group, name="process")
app.add_typer(cases.group, name="case")
app.add_typer(incidents.group, name="incident")
app.add_typer(definitions.group, name="definition")
app.add_typer(letters.group, name="dead-letters")
app.add_typer(commands.group, name="commands")
app.add_typer(servers.group, name="servers")
app.add_typer(databases.group, name="db")


class _OneLine(logging.Formatter):
    """Leaves tracebacks out, but says what was raised."""

    def formatException(self, ei: Any) -> str:  # noqa: N802 - the name is logging's
        return "  " + traceback.format_exception_only(ei[1])[-1].strip()


@app.callback()
def _options(
    debug: Annotated[
        bool, typer.Option("--debug", envvar="PROCESSION_DEBUG", help="Show tracebacks and debug logs.")
    ] = False,
) -> None:
    if debug:
        os.environ["PROCESSION_DEBUG"] = "1"
    handler = logging.StreamHandler()
    form = "%(asctime)s %(levelname)s %(name)s: %(message)s"
    handler.setFormatter(logging.Formatter(form) if debug else _OneLine(form))
    logging.basicConfig(level=logging.DEBUG if debug else logging.WARNING, handlers=[handler])


def run() -> None:
    """Run the command line and exit with its code."""
    try:
        app()
    except Exception as error:
        if os.environ.get("PROCESSION_DEBUG", "") not in ("", "0"):
            traceback.print_exception(error)
        complain(error)
        sys.exit(exit_code(error))
