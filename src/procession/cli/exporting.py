"""`procession export`: a process class as a BPMN file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from procession.cli.options import Format, OutputFormat
from procession.cli.output import print_json, print_text
from procession.cli.targets import class_at
from procession.errors import InvalidInput


def export(
    target: Annotated[str, typer.Argument(metavar="MODULE:CLASS", help="Where the Process class is.")],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE", help="Write it there, not to the terminal."),
    ] = None,
    format: Format = OutputFormat.TABLE,
) -> None:
    """Write a process class as a BPMN 2.0 file, as it is deployed.

    Camunda Modeler opens it, and a Zeebe cluster runs it with `procession worker MODULE:CLASS`.

    \b
    Examples:
      procession export shop.orders:NewOrder -o new-order.bpmn
      procession export shop.orders:NewOrder > new-order.bpmn
    """
    from procession.process.blueprint import read
    from procession.process.deploying import content_of

    blueprint = read(class_at(target))
    content = content_of(blueprint)
    if output is None:
        sys.stdout.write(content.decode())
        return
    try:
        output.write_bytes(content)
    except OSError as error:
        raise InvalidInput(f"file {output} cannot be written: {error.strerror}") from error
    if format is OutputFormat.JSON:
        print_json({"file": str(output), "process_id": blueprint.process_id, "version": blueprint.version})
    else:
        print_text(f"Written: {output} (process {blueprint.process_id}, version {blueprint.version})")
