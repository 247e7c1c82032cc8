"""Event definitions, and which of them each kind of event may carry (BPMN 2.0 section 10.5)."""

from __future__ import annotations

from collections.abc import Callable

from lxml.etree import _Element as Element
from msgspec import structs

from procession.bpmn.context import Context
from procession.bpmn.names import child, extension, is_bpmn, line_of, local, reference, text
from procession.bpmn.quoting import quoted
from procession.errors import ExpressionInvalid
from procession.model import (
    Error,
    EventDefinition,
    Expression,
    FlowNode,
    Kind,
    Message,
    Signal,
    Terminate,
    Timer,
    TimerKind,
    text_or_expression,
)

_NONE = ""
"""Stands for an event without a definition."""
_TIMER, _MESSAGE = "timerEventDefinition", "messageEventDefinition"
_SIGNAL, _ERROR = "signalEventDefinition", "errorEventDefinition"
_DEFINITION_ENDINGS = ("EventDefinition", "eventDefinitionRef")

ALLOWED: dict[Kind, frozenset[str]] = {
    Kind.START_EVENT: frozenset({_NONE, _MESSAGE, _SIGNAL}),
    Kind.END_EVENT: frozenset({_NONE, _MESSAGE, _SIGNAL, _ERROR, "terminateEventDefinition"}),
    Kind.CATCH_EVENT: frozenset({_TIMER, _MESSAGE, _SIGNAL}),
    Kind.THROW_EVENT: frozenset({_NONE, _MESSAGE, _SIGNAL}),
    Kind.BOUNDARY_EVENT: frozenset({_TIMER, _MESSAGE, _SIGNAL, _ERROR}),
}
_THROWING = frozenset({Kind.END_EVENT, Kind.THROW_EVENT, Kind.SEND_TASK})


def definitions(node: FlowNode, element: Element, context: Context) -> FlowNode:
    """The event's definition, if it has one and this kind of event may carry it."""
    found = [part for part in element if is_bpmn(part) and local(part).endswith(_DEFINITION_ENDINGS)]
    if len(found) > 1:
        context.leave_out(
            element, f"{node.kind} with several event definitions is not supported by this version"
        )
        return node
    name = local(found[0]) if found else _NONE
    if name not in ALLOWED[node.kind]:
        context.leave_out(element, _not_allowed(node.kind, name), at=found[0] if found else None)
        return node
    event = READERS[name](node, element, found[0], context) if found else None
    return node if event is None else structs.replace(node, events=(event,))


def _not_allowed(kind: Kind, name: str) -> str:
    if name == _NONE:
        return f"{kind} needs an event definition; say what it waits for"
    return f"{name} on {kind} is not supported by this version"


def boundary(node: FlowNode, element: Element, context: Context) -> FlowNode:
    """Where a boundary event sits, and whether it interrupts."""
    return structs.replace(
        node,
        attached_to=reference(element, "attachedToRef"),
        interrupting=context.flag(element, "cancelActivity", True),
    )


def task_message(node: FlowNode, element: Element, context: Context) -> FlowNode:
    """The message of a receive or send task."""
    if node.kind is Kind.RECEIVE_TASK and context.flag(element, "instantiate", False):
        context.refuse(element, "an instantiating receiveTask is not supported by this version")
    event = _message(node, element, element, context)
    return node if event is None else structs.replace(node, events=(event,))


def _timer(node: FlowNode, element: Element, definition: Element, context: Context) -> Timer | None:
    found = [(kind, part) for kind in TimerKind if (part := child(definition, kind)) is not None]
    if len(found) != 1:
        names = ", ".join(TimerKind)
        context.leave_out(
            element, f"a timer needs exactly one of {names}; it has {len(found)}", at=definition
        )
        return None
    kind, part = found[0]
    return Timer(kind=kind, value=text_or_expression(text(part), line_of(part)), line=line_of(part))


def _message(node: FlowNode, element: Element, definition: Element, context: Context) -> Message | None:
    message_id = reference(definition, "messageRef")
    if message_id is None:
        return _unnamed(node, element, definition, context)
    found = context.messages.get(message_id)
    if found is None:
        context.leave_out(
            element, f"messageRef names {quoted(message_id)}, which is no message of this file", at=definition
        )
        return None
    key = _correlation_key(element, found, context) if node.kind not in _THROWING else None
    name = text_or_expression(found.get("name", "").strip(), line_of(found))
    return Message(name=name or None, correlation_key=key, line=line_of(found))


def _unnamed(node: FlowNode, element: Element, definition: Element, context: Context) -> Message | None:
    if node.kind in _THROWING:
        return Message(name=None, line=line_of(definition))
    context.leave_out(element, f"this {node.kind} catches a message, so it needs a messageRef", at=definition)
    return None


def _correlation_key(element: Element, message: Element, context: Context) -> Expression | None:
    subscription = extension(message, "subscription")
    return None if subscription is None else context.feel(element, subscription, "correlationKey")


def _signal(node: FlowNode, element: Element, definition: Element, context: Context) -> Signal | None:
    signal_id = reference(definition, "signalRef")
    if signal_id is None:
        context.leave_out(element, f"this {node.kind} needs a signalRef; name its signal", at=definition)
        return None
    found = context.signals.get(signal_id)
    if found is None:
        context.leave_out(
            element, f"signalRef names {quoted(signal_id)}, which is no signal of this file", at=definition
        )
        return None
    name = text_or_expression(found.get("name", "").strip(), line_of(found))
    if node.kind is Kind.START_EVENT and isinstance(name, Expression):
        name = _constant(name, element, found, context)
    return Signal(name=name or None, line=line_of(found))


def _constant(name: Expression, element: Element, signal: Element, context: Context) -> str:
    """What a start event waits for is known before there are variables (Zeebe behaviour)."""
    from procession import feel  # only models with expressions pay for FEEL

    try:
        expression = feel.compile(name.text)
        value = None if expression.reads else expression.evaluate({})
    except ExpressionInvalid as error:
        context.leave_out(element, f"FEEL {quoted(name.text)}: {error.message}", at=signal)
        return ""
    except feel.FeelError:
        value = None
    if not isinstance(value, str):
        message = f"the signal name {quoted('=' + name.text)} of a start event must be a constant text"
        context.leave_out(element, message, at=signal)
        return ""
    return value


def _error(node: FlowNode, element: Element, definition: Element, context: Context) -> Error | None:
    error_id = reference(definition, "errorRef")
    if error_id is None:
        return Error(code=None, line=line_of(definition))
    found = context.errors.get(error_id)
    if found is None:
        context.leave_out(
            element, f"errorRef names {quoted(error_id)}, which is no error of this file", at=definition
        )
        return None
    code = text_or_expression(found.get("errorCode", "").strip(), line_of(found))
    return Error(code=code or None, line=line_of(found))


def _terminate(node: FlowNode, element: Element, definition: Element, context: Context) -> Terminate:
    return Terminate(line=line_of(definition))


_Reader = Callable[[FlowNode, Element, Element, Context], EventDefinition | None]

READERS: dict[str, _Reader] = {
    _TIMER: _timer,
    _MESSAGE: _message,
    _SIGNAL: _signal,
    _ERROR: _error,
    "terminateEventDefinition": _terminate,
}
"""Readers by the name of the definition: they get the node, its element, the definition, the context."""
