"""Versions of a process: which one runs, and whose start events wait (spec/engine.md sections 8 and 12)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from procession.engine.graph import Graph
from procession.engine.reads import Reads
from procession.engine.records import Definition, SignalStart, StartSubscription
from procession.engine.run import Run
from procession.model import Kind


class Starts(NamedTuple):
    """(element id, name of the message or signal) of the start events that wait for one."""

    messages: Iterable[tuple[str, str]]
    signals: Iterable[tuple[str, str]]


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


def starts_of(graph: Graph) -> Starts:
    """The start events of a process that wait for something."""
    events = [node for node in graph.root.children if node.kind is Kind.START_EVENT]
    return Starts(
        [(node.id, node.message_name) for node in events if isinstance(node.message_name, str)],
        [(node.id, node.signal_name) for node in events if isinstance(node.signal_name, str)],
    )


def want_starts(want: Reads, identity: tuple[str, str]) -> None:
    """What `close_starts` needs to have loaded."""
    want.find(want.unit.starts, "process", identity)
    want.find(want.unit.signal_starts, "process", identity)


def close_starts(run: Run, tenant: str, process_id: str) -> None:
    """No start event of the process waits any more."""
    for start in run.unit.starts.find("process", (tenant, process_id)):
        run.unit.starts.remove(start)
    for signal_start in run.unit.signal_starts.find("process", (tenant, process_id)):
        run.unit.signal_starts.remove(signal_start)


def open_starts(run: Run, definition: Definition, starts: Starts) -> None:
    """The start events of this version wait from now on."""
    identity = (definition.tenant, definition.process_id)
    for element_id, name in starts.messages:
        run.unit.starts.add(StartSubscription(run.new_key(), definition.key, *identity, name, element_id))
    for element_id, name in starts.signals:
        run.unit.signal_starts.add(
            SignalStart(run.new_key(), definition.key, *identity, name, element_id, run.now)
        )
