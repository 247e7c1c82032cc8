"""Versions of a process: which one runs, and whose start events wait (spec/engine.md sections 8 and 12)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from procession.engine.graph import Graph
from procession.engine.records import Definition, StartSubscription
from procession.engine.run import Run
from procession.model import Kind

MessageStarts = Iterable[tuple[str, str]]
"""(element id, message name)"""


def newest(versions: Iterable[Definition]) -> Definition | None:
    """The one deployed last, deleted or not: what the next number and a repeated file go by."""
    return max(versions, key=lambda definition: definition.version, default=None)


def latest(versions: Sequence[Definition]) -> Definition | None:
    """The one that runs when none is named: the newest that was not deleted."""
    if len(versions) == 1 and versions[0].deleted_at is None:
        return versions[0]
    return newest(definition for definition in versions if definition.deleted_at is None)


def numbered(versions: Iterable[Definition], number: int) -> Definition | None:
    """The one with a number, unless it was deleted."""
    return next((d for d in versions if d.version == number and d.deleted_at is None), None)


def message_starts(graph: Graph) -> MessageStarts:
    """The message start events of a process."""
    for node in graph.root.children:
        if node.kind is Kind.START_EVENT and isinstance(node.message_name, str):
            yield node.id, node.message_name


def close_starts(run: Run, tenant: str, process_id: str) -> None:
    """No start event of the process waits any more."""
    for old in run.unit.starts.find("process", (tenant, process_id)):
        run.unit.starts.remove(old)


def open_starts(run: Run, definition: Definition, messages: MessageStarts) -> None:
    """The start events of this version wait from now on."""
    for element_id, name in messages:
        run.unit.starts.add(
            StartSubscription(
                run.new_key(), definition.key, definition.tenant, definition.process_id, name, element_id
            )
        )
