"""How each kind of node looks (BPMN 2.0 section 7)."""

from __future__ import annotations

from procession.bpmn.layout import Bounds, Point, Shape
from procession.bpmn.layout.sizes import EVENTS, GATEWAYS
from procession.bpmn.layout.text import BOX_FONT, BOX_LINE, LABEL_FONT, LABEL_LINE, wrap
from procession.bpmn.svg import icons
from procession.bpmn.svg.pen import INK, PAPER, Pen
from procession.model import FlowNode, Kind

_THROWS = frozenset({Kind.THROW_EVENT, Kind.END_EVENT, Kind.SEND_TASK})
_RINGED = frozenset({Kind.CATCH_EVENT, Kind.THROW_EVENT, Kind.BOUNDARY_EVENT})


def draw_node(pen: Pen, node: FlowNode, shape: Shape) -> None:
    """A node with its icon, its markers and its name."""
    middle = _middle(shape.bounds)
    if node.kind in EVENTS:
        _event(pen, node, middle)
    elif node.kind in GATEWAYS:
        _gateway(pen, node, middle)
    else:
        _activity(pen, node, shape.bounds)
    if shape.label is not None:
        draw_label(pen, node.name or "", shape.label)


def draw_label(pen: Pen, name: str, bounds: Bounds) -> None:
    """A name beside its element."""
    pen.text(wrap(name, bounds.width, LABEL_FONT), _middle(bounds), LABEL_FONT, LABEL_LINE)


def _middle(bounds: Bounds) -> Point:
    return Point(bounds.x + bounds.width // 2, bounds.y + bounds.height // 2)


def _event(pen: Pen, node: FlowNode, middle: Point) -> None:
    dashes = "" if node.interrupting else "6 4"
    pen.circle(middle, 18, width=4 if node.kind is Kind.END_EVENT else 2, dashes=dashes)
    if node.kind in _RINGED:
        pen.circle(middle, 14.5, width=1.5, dashes=dashes)
    for event in node.events:
        _icon(pen, icons.EVENTS[type(event)], middle, filled=node.kind in _THROWS)


def _icon(pen: Pen, icon: icons.Icon, middle: Point, *, filled: bool = False) -> None:
    pen.path(icon.outline, middle, fill=INK if filled else "none", width=1.2)
    if icon.inside:
        pen.path(icon.inside, middle, width=1.2, ink=PAPER if filled else INK)


def _gateway(pen: Pen, node: FlowNode, middle: Point) -> None:
    pen.path(icons.DIAMOND, middle, fill=PAPER, width=2)
    if node.kind is Kind.EVENT_BASED_GATEWAY:
        pen.circle(middle, 14, width=1)
        pen.circle(middle, 11, width=1)
        pen.path(icons.AWAITED, middle, width=1.2)
    else:
        pen.path(icons.GATEWAYS[node.kind], middle, width=3.5)


def _activity(pen: Pen, node: FlowNode, bounds: Bounds) -> None:
    pen.box(bounds, width=5 if node.kind is Kind.CALL_ACTIVITY else 2)
    if (icon := icons.TASKS.get(node.kind)) is not None:
        _icon(pen, icon, Point(bounds.x + 16, bounds.y + 15), filled=node.kind in _THROWS)
    _markers(pen, node, bounds)
    lines = wrap(node.name or "", bounds.width - 12, BOX_FONT)
    is_frame = node.kind is Kind.SUB_PROCESS
    height = 24 + (len(lines) - 1) * BOX_LINE if is_frame else bounds.height
    pen.text(lines, Point(bounds.x + bounds.width // 2, bounds.y + height // 2), BOX_FONT, BOX_LINE)


def _markers(pen: Pen, node: FlowNode, bounds: Bounds) -> None:
    """In a row at the lower edge: how it repeats, and that it calls."""
    markers = []
    if node.loop is not None:
        markers.append(icons.ONE_BY_ONE if node.loop.sequential else icons.TOGETHER)
    if node.kind is Kind.CALL_ACTIVITY:
        markers.append(icons.CALLED)
    left = bounds.x + bounds.width // 2 - 10 * (len(markers) - 1)
    for index, marker in enumerate(markers):
        pen.path(marker, Point(left + 20 * index, bounds.bottom - 12))
