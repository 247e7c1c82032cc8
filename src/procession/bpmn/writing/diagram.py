"""The diagram of a file: BPMN DI (BPMN 2.0 section 12)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lxml.etree import _Element as Element

from procession.bpmn.layout import Bounds, Diagram
from procession.bpmn.names import BPMNDI, DC, DI
from procession.bpmn.writing.ids import Ids
from procession.bpmn.writing.tags import add, flag, make
from procession.model import Body, FlowNode, Kind, Process


class Collaboration:
    """The pools of a file with several processes. `id` is the collaboration's."""

    def __init__(self, root: Element, processes: Iterable[Process], ids: Ids) -> None:
        self.id = ids.new("Collaboration_1")
        element = add(root, "collaboration", id=self.id)
        self.participants: dict[str, str] = {}
        """Their ids by those of their processes."""
        for process in processes:
            id = self.participants[process.id] = ids.new(f"Participant_{process.id}")
            add(element, "participant", id=id, name=process.name or process.id, processRef=process.id)


def add_diagram(
    root: Element,
    processes: tuple[Process, ...],
    diagram: Diagram,
    collaboration: Collaboration | None,
    ids: Ids,
) -> None:
    """Draw one process by itself, several as the pools of their collaboration."""
    if not processes:
        return
    drawn = processes[0].id if collaboration is None else collaboration.id
    holder = make(root, BPMNDI, "BPMNDiagram", {"id": ids.new("BPMNDiagram_1")})
    plane = make(holder, BPMNDI, "BPMNPlane", {"id": ids.new("BPMNPlane_1"), "bpmnElement": drawn})
    for process in processes:
        if collaboration is not None:
            participant = collaboration.participants[process.id]
            pool = _planar(plane, "BPMNShape", participant, ids, isHorizontal=flag(True))
            _bounds(pool, diagram.pools[process.id])
        for body in _bodies(process.body):
            _add_body(plane, body, diagram, ids)


def _bodies(body: Body) -> Iterator[Body]:
    """Outer before inner: what comes later is drawn over what came before."""
    yield body
    for node in body.nodes:
        if node.body is not None:
            yield from _bodies(node.body)


def _add_body(plane: Element, body: Body, diagram: Diagram, ids: Ids) -> None:
    for node in sorted(body.nodes, key=lambda node: node.kind is Kind.BOUNDARY_EVENT):
        _add_shape(plane, node, diagram, ids)
    for flow in body.flows:
        if flow.id not in diagram.edges:
            continue  # it leads nowhere
        edge = diagram.edges[flow.id]
        element = _planar(plane, "BPMNEdge", flow.id, ids)
        for point in edge.waypoints:
            make(element, DI, "waypoint", {"x": str(point.x), "y": str(point.y)})
        _label(element, edge.label)


def _add_shape(plane: Element, node: FlowNode, diagram: Diagram, ids: Ids) -> None:
    element = _planar(plane, "BPMNShape", node.id, ids)
    if node.kind is Kind.SUB_PROCESS:
        element.set("isExpanded", flag(True))
    if node.kind is Kind.EXCLUSIVE_GATEWAY:
        element.set("isMarkerVisible", flag(True))
    shape = diagram.shapes[node.id]
    _bounds(element, shape.bounds)
    _label(element, shape.label)


def _planar(plane: Element, name: str, drawn: str, ids: Ids, **attributes: str) -> Element:
    return make(plane, BPMNDI, name, {"id": ids.new(f"{drawn}_di"), "bpmnElement": drawn, **attributes})


def _label(element: Element, bounds: Bounds | None) -> None:
    if bounds is not None:
        _bounds(make(element, BPMNDI, "BPMNLabel", {}), bounds)


def _bounds(element: Element, bounds: Bounds) -> None:
    sides = {"x": bounds.x, "y": bounds.y, "width": bounds.width, "height": bounds.height}
    make(element, DC, "Bounds", {name: str(value) for name, value in sides.items()})
