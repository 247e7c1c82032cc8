"""Process models as BPMN 2.0 XML, with Zeebe's extension elements where BPMN has no word."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lxml import etree
from lxml.etree import _Element as Element

from procession.bpmn.names import BPMN, ZEEBE
from procession.model import (
    Body,
    Error,
    EventDefinition,
    Expression,
    FlowNode,
    Kind,
    Message,
    MultiInstance,
    Process,
    Signal,
    Terminate,
    Timer,
)

_NAMESPACES: Any = {None: BPMN, "zeebe": ZEEBE}  # the stubs know no default namespace


def write(processes: Iterable[Process]) -> bytes:
    """One file with all the processes."""
    return Writer().file(processes)


class Writer:
    def __init__(self) -> None:
        self._root = etree.Element(f"{{{BPMN}}}definitions", nsmap=_NAMESPACES)
        self._count = 0

    def file(self, processes: Iterable[Process]) -> bytes:
        for process in processes:
            element = _add(self._root, "process", id=process.id, name=process.name, isExecutable="true")
            self._body(element, process.body)
        return etree.tostring(self._root, xml_declaration=True, encoding="UTF-8")

    def _body(self, parent: Element, body: Body) -> None:
        for node in body.nodes:
            self._node(parent, node)
        for flow in body.flows:
            element = _add(
                parent,
                "sequenceFlow",
                id=flow.id,
                name=flow.name,
                sourceRef=flow.source,
                targetRef=flow.target,
            )
            if flow.condition is not None:
                _add(element, "conditionExpression").text = f"={flow.condition.text}"

    def _node(self, parent: Element, node: FlowNode) -> None:
        element = _add(parent, node.kind, id=node.id, name=node.name, default=node.default_flow)
        if node.attached_to is not None:
            element.set("attachedToRef", node.attached_to)
            element.set("cancelActivity", "true" if node.interrupting else "false")
        _extensions(element, node)
        for event in node.events:
            self._event(element, node.kind, event)
        if node.loop is not None:
            _multi_instance(element, node.loop)
        if node.body is not None:
            self._body(element, node.body)

    def _event(self, element: Element, kind: Kind, event: EventDefinition) -> None:
        if isinstance(event, Timer):
            definition = _add(element, "timerEventDefinition")
            _add(definition, event.kind).text = _text(event.value)
        elif isinstance(event, Terminate):
            _add(element, "terminateEventDefinition")
        elif isinstance(event, Error):
            error_id = self._error(event) if event.code is not None else None
            _add(element, "errorEventDefinition", errorRef=error_id)
        elif isinstance(event, Signal):
            _add(element, "signalEventDefinition", signalRef=self._signal(event))
        elif kind in (Kind.RECEIVE_TASK, Kind.SEND_TASK):
            if event.name is not None:
                element.set("messageRef", self._message(event))
        else:
            message_id = self._message(event) if event.name is not None else None
            _add(element, "messageEventDefinition", messageRef=message_id)

    def _error(self, event: Error) -> str:
        error_id = self._id("Error")
        _add(self._root, "error", id=error_id, errorCode=_text(event.code or ""))
        return error_id

    def _signal(self, event: Signal) -> str:
        signal_id = self._id("Signal")
        _add(self._root, "signal", id=signal_id, name=_text(event.name or ""))
        return signal_id

    def _message(self, event: Message) -> str:
        message_id = self._id("Message")
        element = _add(self._root, "message", id=message_id, name=_text(event.name or ""))
        if event.correlation_key is not None:
            holder = _add(element, "extensionElements")
            _extend(holder, "subscription", correlationKey=_text(event.correlation_key))
        return message_id

    def _id(self, kind: str) -> str:
        self._count += 1
        return f"{kind}_{self._count}"


def _extensions(element: Element, node: FlowNode) -> None:
    holder = _add(element, "extensionElements")
    if node.job is not None:
        _extend(holder, "taskDefinition", type=_text(node.job.type), retries=_text(node.job.retries))
        if node.job.priority is not None:
            _extend(holder, "priorityDefinition", priority=_text(node.job.priority))
        headers = _extend(holder, "taskHeaders")
        for key, value in node.job.headers:
            _extend(headers, "header", key=key, value=value)
    if node.script is not None:
        expression = f"={node.script.expression.text}"
        _extend(holder, "script", expression=expression, resultVariable=node.script.result)
    if node.called is not None:
        _extend(
            holder,
            "calledElement",
            processId=_text(node.called.process_id),
            propagateAllParentVariables="true" if node.called.propagate_parent else "false",
            propagateAllChildVariables="true" if node.called.propagate_child else "false",
        )
    if node.inputs or node.outputs:
        mapping = _extend(holder, "ioMapping")
        for direction, mappings in (("input", node.inputs), ("output", node.outputs)):
            for one in mappings:
                _extend(mapping, direction, source=_text(one.source), target=one.target)


def _multi_instance(element: Element, loop: MultiInstance) -> None:
    sequential = "true" if loop.sequential else "false"
    marker = _add(element, "multiInstanceLoopCharacteristics", isSequential=sequential)
    _extend(
        _add(marker, "extensionElements"),
        "loopCharacteristics",
        inputCollection=_optional(loop.collection),
        inputElement=loop.input_element,
        outputCollection=loop.output_collection,
        outputElement=_optional(loop.output_element),
    )
    if loop.cardinality is not None:
        _add(marker, "loopCardinality").text = _text(loop.cardinality)
    if loop.completion_condition is not None:
        _add(marker, "completionCondition").text = _text(loop.completion_condition)


def _optional(value: Expression | None) -> str | None:
    return None if value is None else _text(value)


def _text(value: str | Expression) -> str:
    return f"={value.text}" if isinstance(value, Expression) else value


def _add(parent: Element, tag: str, /, **attributes: str | None) -> Element:
    return _sub(parent, f"{{{BPMN}}}{tag}", attributes)


def _extend(parent: Element, tag: str, /, **attributes: str | None) -> Element:
    return _sub(parent, f"{{{ZEEBE}}}{tag}", attributes)


def _sub(parent: Element, tag: str, attributes: dict[str, str | None]) -> Element:
    given = {name: value for name, value in attributes.items() if value is not None}
    return etree.SubElement(parent, tag, given)
