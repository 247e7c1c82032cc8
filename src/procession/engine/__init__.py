"""The state machine: pure, deterministic, without clock, database or network.

Given the records a command reads, the command and `now`, it changes the records of a unit of work.
One module per kind of element (`elements/`), one per subject of commands (`handlers/`).
"""

from typing import Any

from procession.engine import commands, elements, handlers, records
from procession.engine.compiler import compile_process
from procession.engine.graph import Graph
from procession.engine.handling import HANDLERS
from procession.engine.lifecycle import drain
from procession.engine.run import Run
from procession.engine.tables import TABLES
from procession.engine.unit import Missed, Reads, Table, Unit


def declare(command: commands.Command, want: Reads) -> None:
    """Note what `command` will read and is not loaded yet. Call again after loading, until it is quiet."""
    HANDLERS[command.__class__].reads(command, want)


def execute(command: commands.Command, run: Run) -> Any:
    """Carry a command out on the records of `run.unit`; answers what the command's class says.

    Raises:
        ProcessionError: the command is refused; nothing has changed.
        Missed: a record was needed that is not loaded; the pass has to be repeated with it.
    """
    reply = HANDLERS[command.__class__].execute(command, run)
    drain(run)
    return reply


__all__ = [
    "TABLES",
    "Graph",
    "Missed",
    "Reads",
    "Run",
    "Table",
    "Unit",
    "commands",
    "compile_process",
    "declare",
    "elements",
    "execute",
    "handlers",
    "records",
]
