"""The state machine: pure, deterministic, without clock, database or network.

Given the records a command reads, the command and `now`, it changes the records of a unit of work.
One module per kind of element (`elements/`), one per subject of commands (`handlers/`).
"""

from typing import Any

from procession.engine import commands, elements, handlers, records
from procession.engine.compiler import compile_process
from procession.engine.graph import Graph
from procession.engine.handlers.steps import want_steps
from procession.engine.handling import HANDLERS, Target
from procession.engine.lifecycle import drain
from procession.engine.reads import Reads
from procession.engine.run import Run
from procession.engine.tables import TABLES
from procession.engine.unit import Known, Missed, Table, Unit


def target(command: commands.Command) -> Target | None:
    """The record whose root process instance must be locked before `command` reads anything."""
    return HANDLERS[command.__class__].target(command)


def expects_to_know(command: commands.Command, unit: Unit) -> bool:
    """Whether what it reads is most likely known already, so that it may try before it declares."""
    return HANDLERS[command.__class__].expects_to_know(command, unit)


def declare(command: commands.Command, want: Reads) -> bool:
    """Note what `command` will read and is not loaded yet.

    Answers whether to ask again after loading: what it reads may depend on what was noted now.
    """
    before = want.count
    content = HANDLERS[command.__class__].reads(command, want)
    return not content and want.count > before


def foresee(run: Run, want: Reads) -> None:
    """After a `Missed`: note what the steps that were still to come will read, not only the first."""
    want_steps(run.steps(), want)


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
    "Known",
    "Missed",
    "Reads",
    "Run",
    "Table",
    "Target",
    "Unit",
    "commands",
    "compile_process",
    "declare",
    "elements",
    "execute",
    "expects_to_know",
    "foresee",
    "handlers",
    "records",
    "target",
]
