"""`procession export`: a class of a process or business case as a BPMN file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from procession.cli.options import Format, OutputFormat
from procession.cli.output import print_json, print_text
from procession.cli.targets import class_at
from procession.errors import InvalidInput

if TYPE_CHECKING:
    from procession.process import Process
    from procession.process.cases import BusinessCase


def export(
    target: Annotated[
        str, typer.Argument(metavar="MODULE:CLASS", help="Where the Process or BusinessCase class is.")
    ],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE", help="Write it there, not to the terminal."),
    ] = None,
    format: Format = OutputFormat.TABLE,
) -> None:
    """Write a Process or BusinessCase class as a BPMN 2.0 file, as it is deployed.

    Camunda Modeler opens it, and a Zeebe cluster runs it with `procession worker MODULE:CLASS`.

    \b
    Examples:
      procession export shop.orders:NewOrder -o new-order.bpmn
      procession export shop.orders:NewOrder > new-order.bpmn
    """
    process_id, version, content = _exported(class_at(target))
    if output is None:
        sys.stdout.write(content.decode())
        return
    try:
        output.write_bytes(content)
    except OSError as error:
        raise InvalidInput(f"file {output} cannot be written: {error.strerror}") from error
    if format is OutputFormat.JSON:
        print_json({"file": str(output), "process_id": process_id, "version": version})
    else:
        print_text(f"Written: {output} (process {process_id}, version {version})")


def _exported(kind: type[Process] | type[BusinessCase]) -> tuple[str, int | str, bytes]:
    """Process id, class version or api, and BPMN."""
    from procession.process import Process, blueprint, deploying
    from procession.process.cases import blueprint as case_blueprint
    from procession.process.cases import deploying as case_deploying

    if issubclass(kind, Process):
        steps = blueprint.read(kind)
        return steps.process_id, steps.version, deploying.content_of(steps)
    stages = case_blueprint.read(kind)
    return stages.process_id, stages.api, case_deploying.content_of(stages)
