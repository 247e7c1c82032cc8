"""Event definitions (BPMN 2.0 section 10.5)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lxml.etree import _Element as Element

from procession.bpmn.writing.roots import Roots
from procession.bpmn.writing.tags import add, add_expression
from procession.model import Error, EventDefinition, FlowNode, Kind, Message, Signal, Terminate, Timer

_MESSAGE_TASKS = frozenset({Kind.RECEIVE_TASK, Kind.SEND_TASK})


def add_events(element: Element, node: FlowNode, roots: Roots) -> None:
    """What the event waits for or throws; a task names its message in an attribute of its own."""
    for event in node.events:
        if node.kind in _MESSAGE_TASKS and isinstance(event, Message):
            if (message_id := roots.message(element, event)) is not None:
                element.set("messageRef", message_id)
        else:
            _WRITERS[type(event)](element, event, roots)


def _timer(element: Element, event: Timer, roots: Roots) -> None:
    add_expression(add(element, "timerEventDefinition"), event.kind, event.value)


def _message(element: Element, event: Message, roots: Roots) -> None:
    add(element, "messageEventDefinition", messageRef=roots.message(element, event))


def _signal(element: Element, event: Signal, roots: Roots) -> None:
    add(element, "signalEventDefinition", signalRef=roots.signal(element, event))


def _error(element: Element, event: Error, roots: Roots) -> None:
    add(element, "errorEventDefinition", errorRef=roots.error(element, event))


def _terminate(element: Element, event: Terminate, roots: Roots) -> None:
    add(element, "terminateEventDefinition")


_WRITERS: dict[type[EventDefinition], Callable[[Element, Any, Roots], None]] = {
    Timer: _timer,
    Message: _message,
    Signal: _signal,
    Error: _error,
    Terminate: _terminate,
}
