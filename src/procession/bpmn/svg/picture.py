"""The whole picture."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lxml import etree
from lxml.etree import _Element as Element

from procession.bpmn.layout import Bounds, Diagram, Edge, Point, lay_out
from procession.bpmn.layout.pools import BAND
from procession.bpmn.layout.text import BOX_FONT, BOX_LINE, wrap
from procession.bpmn.svg import icons
from procession.bpmn.svg.nodes import draw_label, draw_node
from procession.bpmn.svg.pen import INK, PAPER, SVG, Pen
from procession.model import Body, Kind, Process, SequenceFlow

_NAMESPACES: Any = {None: SVG}  # the stubs know no default namespace
_FONT = "Arial, Helvetica, 'Liberation Sans', sans-serif"


def draw(processes: Iterable[Process]) -> bytes:
    """A picture of the processes as SVG, laid out as `lay_out` does it.

    Every node and flow is a group with its id in `data-element-id`, so that a page can mark it.
    """
    all_of_them = tuple(processes)
    diagram = lay_out(all_of_them)
    root = _paper(diagram)
    pen = Pen(root)
    for process in all_of_them:
        if process.id in diagram.pools:
            _pool(pen.group(process.id), process, diagram.pools[process.id])
        _body(pen, process.body, diagram)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)


def _paper(diagram: Diagram) -> Element:
    width, height = str(diagram.width), str(diagram.height)
    size = {"width": width, "height": height, "viewBox": f"0 0 {width} {height}", "font-family": _FONT}
    root = etree.Element(f"{{{SVG}}}svg", size, nsmap=_NAMESPACES)
    marker = etree.SubElement(
        etree.SubElement(root, f"{{{SVG}}}defs"),
        f"{{{SVG}}}marker",
        {
            "id": "arrow",
            "viewBox": "0 0 10 10",
            "refX": "10",
            "refY": "5",
            "markerWidth": "10",
            "markerHeight": "10",
            "markerUnits": "userSpaceOnUse",
            "orient": "auto",
        },
    )
    etree.SubElement(marker, f"{{{SVG}}}path", {"d": "M0,1 L10,5 L0,9 Z", "fill": INK})
    etree.SubElement(root, f"{{{SVG}}}rect", {"width": "100%", "height": "100%", "fill": PAPER})
    return root


def _pool(pen: Pen, process: Process, bounds: Bounds) -> None:
    pen.box(bounds, radius=0, width=1.5)
    pen.box(Bounds(bounds.x, bounds.y, BAND, bounds.height), radius=0, width=1.5)
    lines = wrap(process.name or process.id, bounds.height - 10, BOX_FONT)[:2]
    middle = Point(bounds.x + BAND // 2, bounds.y + bounds.height // 2)
    pen.text(lines, middle, BOX_FONT, BOX_LINE - 2, turned=True)


def _body(pen: Pen, body: Body, diagram: Diagram) -> None:
    """Frames first, then what is in them, then lines, and boundary events over their hosts."""
    for node in sorted(body.nodes, key=lambda node: node.kind is Kind.BOUNDARY_EVENT):
        draw_node(pen.group(node.id), node, diagram.shapes[node.id])
        if node.body is not None:
            _body(pen, node.body, diagram)
    defaults = {node.default_flow for node in body.nodes}
    for flow in body.flows:
        if (edge := diagram.edges.get(flow.id)) is not None:
            _flow(pen.group(flow.id), flow, edge, is_default=flow.id in defaults)


def _flow(pen: Pen, flow: SequenceFlow, edge: Edge, *, is_default: bool) -> None:
    pen.arrow(edge.waypoints)
    if is_default:
        pen.path(icons.DEFAULT, _near_start(edge))
    if edge.label is not None:
        draw_label(pen, flow.name or "", edge.label)


def _near_start(edge: Edge) -> Point:
    start, after = edge.waypoints[:2]
    return Point(start.x + 12 * _sign(after.x - start.x), start.y + 12 * _sign(after.y - start.y))


def _sign(value: int) -> int:
    return (value > 0) - (value < 0)
