"""Compiles a process model to the executable graph."""

from __future__ import annotations

from procession.engine.behaviour import behaviour_for
from procession.engine.graph import Flow, Graph, Node
from procession.engine.records import DEFAULT_TENANT
from procession.model import Body, Kind, Process


def compile_process(
    process: Process, *, definition_key: int = 0, version: int = 1, tenant: str = DEFAULT_TENANT
) -> Graph:
    """Resolve references, compile expressions, and give each node its behaviour.

    Raises:
        ExpressionInvalid: a FEEL text does not parse (validation reports it before this).
        UnsupportedElement: no behaviour is registered for an element.
    """
    graph = Graph(process, definition_key, version, tenant)
    graph.root.behaviour = behaviour_for(graph.root)
    _compile_body(process.body, graph.root, graph)
    return graph


def _compile_body(body: Body, scope: Node, graph: Graph) -> None:
    nodes = {model.id: Node(model, scope, graph) for model in body.nodes}
    graph.nodes.update(nodes)
    _connect(body, nodes)
    for node in nodes.values():
        node.behaviour = behaviour_for(node)
        if node.model is not None and node.model.body is not None:
            _compile_body(node.model.body, node, graph)
    scope.children = tuple(nodes.values())
    scope.start = next((n for n in nodes.values() if n.kind is Kind.START_EVENT and not _has_event(n)), None)
    scope.synchronizers = tuple(n for n in nodes.values() if n.behaviour.synchronizes(n))


def _has_event(node: Node) -> bool:
    return node.model is not None and bool(node.model.events)


def _connect(body: Body, nodes: dict[str, Node]) -> None:
    flows = {flow.id: Flow(flow) for flow in body.flows}
    for model in body.flows:
        flows[model.id].target = nodes[model.target]
    for node in nodes.values():
        model_node = node.model
        if model_node is None:
            continue
        node.outgoing = tuple(flows[flow_id] for flow_id in model_node.outgoing)
        node.default = flows[model_node.default_flow] if model_node.default_flow else None
        if model_node.attached_to:
            host = node.attached_to = nodes[model_node.attached_to]
            host.boundaries = (*host.boundaries, node)
