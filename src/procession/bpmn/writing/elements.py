"""Flow nodes and sequence flows, in the order BPMN's schema asks of their parts."""

from __future__ import annotations

from lxml.etree import _Element as Element

from procession.bpmn.writing.events import add_events
from procession.bpmn.writing.extensions import add_extensions, add_loop
from procession.bpmn.writing.roots import Roots
from procession.bpmn.writing.tags import add, add_expression, flag
from procession.model import Body, FlowNode, SequenceFlow

_Ends = dict[str, list[str]]


def add_body(parent: Element, body: Body, roots: Roots) -> None:
    """The nodes and flows of a process or sub-process."""
    incoming, outgoing = _ends(body)
    for node in body.nodes:
        element = _node(parent, node)
        for name, ends in (("incoming", incoming), ("outgoing", outgoing)):
            for flow_id in ends.get(node.id, ()):
                add(element, name).text = flow_id
        add_events(element, node, roots)
        if node.loop is not None:
            add_loop(element, node.loop)
        if node.body is not None:
            add_body(element, node.body, roots)
    for flow in body.flows:
        _flow(parent, flow)


def _ends(body: Body) -> tuple[_Ends, _Ends]:
    # From the flows, as the reader does it; Zeebe and Modeler look for both in the nodes.
    incoming: _Ends = {}
    outgoing: _Ends = {}
    for flow in body.flows:
        outgoing.setdefault(flow.source, []).append(flow.id)
        incoming.setdefault(flow.target, []).append(flow.id)
    return incoming, outgoing


def _node(parent: Element, node: FlowNode) -> Element:
    element = add(parent, node.kind, id=node.id, name=node.name, default=node.default_flow)
    if node.attached_to is not None:
        if not node.interrupting:
            element.set("cancelActivity", flag(False))
        element.set("attachedToRef", node.attached_to)
    add_extensions(element, node)
    return element


def _flow(parent: Element, flow: SequenceFlow) -> None:
    element = add(
        parent, "sequenceFlow", id=flow.id, name=flow.name, sourceRef=flow.source, targetRef=flow.target
    )
    if flow.condition is not None:
        add_expression(element, "conditionExpression", flow.condition)
