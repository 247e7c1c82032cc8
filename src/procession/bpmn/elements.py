"""Flow elements: a registry of kinds, each with the parts it is read from."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from lxml.etree import _Element as Element
from msgspec import structs

from procession.bpmn.context import Context
from procession.bpmn.events import boundary, definitions, task_message
from procession.bpmn.extensions import (
    called_element,
    event_job,
    job,
    mappings,
    no_decision,
    output_mappings,
    script,
    user_job,
    without_effect,
)
from procession.bpmn.loops import condition, loop
from procession.bpmn.names import child, id_of, is_bpmn, line_of, local
from procession.bpmn.quoting import quoted
from procession.model import Body, FlowNode, Kind, SequenceFlow

Part = Callable[[FlowNode, Element, Context], FlowNode]
"""Reads one aspect of an element and answers the node with it filled in."""

MAX_NESTING = 50
"""How deep sub-processes may stand in each other."""

WITHOUT_EFFECT = frozenset(
    {
        *("documentation", "extensionElements", "auditing", "monitoring", "property", "resourceRole"),
        *("performer", "humanPerformer", "potentialOwner", "ioSpecification", "incoming", "outgoing"),
        *("dataObject", "dataObjectReference", "dataStoreReference", "laneSet", "supports"),
        *("textAnnotation", "association", "group", "correlationSubscription", "supportedInterfaceRef"),
        *("ioBinding", "dataInputAssociation", "dataOutputAssociation"),
        *("multiInstanceLoopCharacteristics", "standardLoopCharacteristics"),
    }
)
"""What may stand in a process or sub-process and is no flow element of its own."""


def read_body(scope: Element, context: Context, depth: int = 0) -> Body:
    """Read the nodes and flows that stand directly in a process or sub-process."""
    nodes: list[FlowNode] = []
    flows: list[SequenceFlow] = []
    for element in scope:
        name = local(element)
        if is_bpmn(element) and name in WITHOUT_EFFECT:
            continue
        if is_bpmn(element) and name == "sequenceFlow":
            flows.extend(_flow(element, context))
        else:
            nodes.extend(_node(element, name, context, depth))
    return Body(nodes=_connected(nodes, flows), flows=tuple(flows))


def _flow(element: Element, context: Context) -> Iterable[SequenceFlow]:
    if not _has_id(element, context):
        return
    yield SequenceFlow(
        id=id_of(element),
        source=element.get("sourceRef", "").strip(),
        target=element.get("targetRef", "").strip(),
        name=element.get("name"),
        condition=condition(child(element, "conditionExpression")),
        line=line_of(element),
    )


def _node(element: Element, name: str, context: Context, depth: int) -> Iterable[FlowNode]:
    if not is_bpmn(element) or name not in PARTS:
        context.leave_out(element, f"{name} is not supported by this version")
        return
    if not _has_id(element, context):
        return
    kind = Kind(name)
    node = FlowNode(id=id_of(element), kind=kind, name=element.get("name"), line=line_of(element))
    for part in (*PARTS[name], without_effect):
        node = part(node, element, context)
    yield from _with_body(node, element, context, depth + 1)


def _with_body(node: FlowNode, element: Element, context: Context, depth: int) -> Iterable[FlowNode]:
    if node.kind is not Kind.SUB_PROCESS:
        yield node
    elif context.flag(element, "triggeredByEvent", False):
        context.leave_out(element, "an event sub-process (triggeredByEvent) is not supported by this version")
    elif depth > MAX_NESTING:
        context.leave_out(
            element, f"sub-processes stand in each other more than {MAX_NESTING} deep; flatten them"
        )
    else:
        yield structs.replace(node, body=read_body(element, context, depth))


def _has_id(element: Element, context: Context) -> bool:
    if id_of(element):
        return True
    context.refuse(element, f"this {local(element)} has no id; give it one")
    return False


def _connected(nodes: Iterable[FlowNode], flows: Iterable[SequenceFlow]) -> tuple[FlowNode, ...]:
    incoming: dict[str, list[str]] = {}
    outgoing: dict[str, list[str]] = {}
    for flow in flows:
        outgoing.setdefault(flow.source, []).append(flow.id)
        incoming.setdefault(flow.target, []).append(flow.id)
    return tuple(
        structs.replace(
            node, incoming=tuple(incoming.get(node.id, ())), outgoing=tuple(outgoing.get(node.id, ()))
        )
        for node in nodes
    )


def _default_flow(node: FlowNode, element: Element, context: Context) -> FlowNode:
    return structs.replace(node, default_flow=element.get("default", "").strip() or None)


def _no_compensation(node: FlowNode, element: Element, context: Context) -> FlowNode:
    if context.flag(element, "isForCompensation", False):
        context.refuse(element, f"a compensation handler ({node.kind}) is not supported by this version")
    return node


def _one_token(node: FlowNode, element: Element, context: Context) -> FlowNode:
    for name in ("startQuantity", "completionQuantity"):
        raw = element.get(name, "1").strip()
        if raw != "1":
            context.refuse(element, _quantity_fault(name, raw))
    return node


def _quantity_fault(name: str, raw: str) -> str:
    is_quantity = raw.isascii() and raw.isdigit() and raw.strip("0")
    if is_quantity:
        return f"{name} {raw} is not supported by this version; use 1"
    return f"{name} is {quoted(raw)}; it must be a whole number of at least 1"


def _exclusive_only(node: FlowNode, element: Element, context: Context) -> FlowNode:
    if context.flag(element, "instantiate", False) or element.get("eventGatewayType") == "Parallel":
        context.refuse(element, "an instantiating eventBasedGateway is not supported by this version")
    return node


_ACTIVITY: tuple[Part, ...] = (_default_flow, mappings, loop, _no_compensation, _one_token)

PARTS: dict[str, tuple[Part, ...]] = {
    Kind.START_EVENT: (definitions, output_mappings),
    Kind.END_EVENT: (definitions, mappings, event_job),
    Kind.CATCH_EVENT: (definitions, mappings),
    Kind.THROW_EVENT: (definitions, mappings, event_job),
    Kind.BOUNDARY_EVENT: (definitions, output_mappings, boundary),
    Kind.TASK: _ACTIVITY,
    Kind.MANUAL_TASK: _ACTIVITY,
    Kind.SERVICE_TASK: (*_ACTIVITY, job),
    Kind.SEND_TASK: (*_ACTIVITY, job, task_message),
    Kind.USER_TASK: (*_ACTIVITY, user_job),
    Kind.SCRIPT_TASK: (*_ACTIVITY, job, script),
    Kind.BUSINESS_RULE_TASK: (*_ACTIVITY, job, no_decision),
    Kind.RECEIVE_TASK: (*_ACTIVITY, task_message),
    Kind.EXCLUSIVE_GATEWAY: (_default_flow,),
    Kind.PARALLEL_GATEWAY: (_default_flow,),
    Kind.INCLUSIVE_GATEWAY: (_default_flow,),
    Kind.EVENT_BASED_GATEWAY: (_default_flow, _exclusive_only),
    Kind.SUB_PROCESS: _ACTIVITY,
    Kind.CALL_ACTIVITY: (*_ACTIVITY, called_element),
}
"""What each kind is read from, by its BPMN name. Supporting another element starts with an entry here."""
