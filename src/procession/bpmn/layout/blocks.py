"""Items for the nodes of a scope: every shape with its name and, on activities, their boundary events."""

from __future__ import annotations

from collections.abc import Iterable

from procession.bpmn.layout.diagram import Bounds, Diagram, Point, Shape
from procession.bpmn.layout.items import Item, Link, Port
from procession.bpmn.layout.sizes import EVENT, EVENTS, GATEWAY, GATEWAYS, size_of
from procession.bpmn.layout.text import BOX_FONT, label_size, width_of
from procession.model import Body, FlowNode, Kind

_PADDING = 40
"""Between the frame of a sub-process and what stands in it."""
_LABEL_GAP = 4
_EVENT_LABEL_WIDTH = 60
"""Names of boundary events are narrow, so that their host stays so."""
_MIN_SLOT = EVENT + 10
_LANE = 10

Inside = tuple[Diagram, int]
"""The contents of a sub-process, and the line its flows should come in on."""


def items_of(body: Body, insides: dict[str, Inside]) -> tuple[list[Item], list[Link]]:
    """The items of a scope in document order, and the links of the flows between them."""
    hosts = {node.id for node in body.nodes if node.kind is not Kind.BOUNDARY_EVENT}
    attached: dict[str, list[FlowNode]] = {}
    for node in body.nodes:
        if node.kind is Kind.BOUNDARY_EVENT and node.attached_to in hosts:
            attached.setdefault(node.attached_to or "", []).append(node)
    known: dict[str, Item] = {}
    items: list[Item] = []
    for node in body.nodes:
        if node.kind is Kind.BOUNDARY_EVENT and node.attached_to in hosts:
            continue
        events = attached.get(node.id, [])
        item = _item(node, events, insides.get(node.id))
        known |= dict.fromkeys([node.id, *(event.id for event in events)], item)
        items.append(item)
    return items, _links(body, known)


def _links(body: Body, known: dict[str, Item]) -> list[Link]:
    links = [
        Link(
            id=flow.id,
            source=known[flow.source],
            target=known[flow.target],
            port=known[flow.source].ports[flow.source],
            label=label_size(flow.name),
        )
        for flow in body.flows
        if flow.source in known and flow.target in known
    ]
    return sorted(links, key=lambda link: link.port.rank)


def _item(node: FlowNode, events: Iterable[FlowNode], inside: Inside | None) -> Item:
    if node.kind in EVENTS:
        return _event(node)
    if node.kind in GATEWAYS:
        return _gateway(node)
    return _activity(node, list(events), inside)


def _event(node: FlowNode) -> Item:
    half = EVENT // 2
    label = None
    item = Item(node=node, left=half, right=half, above=half, below=half, entry=half)
    if (size := label_size(node.name)) is not None:
        width, height = size
        label = Bounds(-width // 2, half + _LABEL_GAP, width, height)
        item.left = item.right = max(half, width // 2 + 1)
        item.below = half + _LABEL_GAP + height
    return _alone(item, node, half, label)


def _gateway(node: FlowNode) -> Item:
    half = GATEWAY // 2
    label = None
    item = Item(node=node, left=half, right=half, above=half, below=half, entry=half)
    if (size := label_size(node.name)) is not None:
        # In the corner above and left of it: lines may leave by the tip.
        width, height = size
        label = Bounds(-width - 6, -half - height, width, height)
        item.left = max(half, width + 6)
        item.above = half + height
    return _alone(item, node, half, label)


def _alone(item: Item, node: FlowNode, half: int, label: Bounds | None) -> Item:
    item.shapes = {node.id: Shape(Bounds(-half, -half, 2 * half, 2 * half), label)}
    item.ports = {node.id: Port(Point(half, 0), Point(half, 0))}
    return item


def _activity(node: FlowNode, events: list[FlowNode], inside: Inside | None) -> Item:
    labels = [label_size(event.name, _EVENT_LABEL_WIDTH) for event in events]
    slots = [max(_MIN_SLOT, _MIN_SLOT - 4 + (label[0] if label else 0)) for label in labels]
    (width, height), line = _outline(node, inside)
    width = max(width, sum(slots) + 16)
    width += width % 2
    left, top = -(width // 2), -line
    bottom = height - line
    item = Item(node=node, left=-left, right=width // 2, above=line, below=bottom, entry=-left)
    item.shapes = {node.id: Shape(Bounds(left, top, width, height))}
    item.ports = {node.id: Port(Point(width // 2, 0), Point(width // 2, 0))}
    if inside is not None:
        item.inside = inside[0], Point(left + _PADDING, top + _PADDING)
    _attach(item, list(zip(events, labels, slots, strict=True)), bottom)
    return item


def _outline(node: FlowNode, inside: Inside | None) -> tuple[tuple[int, int], int]:
    """The size of an activity's box, and how far under its upper edge flows come and go."""
    if inside is None or not inside[0].shapes:
        width, height = size_of(node)
        return (width, height), height // 2
    diagram, line = inside
    name_width = width_of(node.name or "", BOX_FONT) + 20
    width = max(diagram.width + 2 * _PADDING, min(name_width, 400))
    return (width, diagram.height + 2 * _PADDING), line + _PADDING


def _attach(item: Item, events: list[tuple[FlowNode, tuple[int, int] | None, int]], edge: int) -> None:
    """Boundary events on the lower edge, the first one rightmost: its path is the highest of theirs."""
    half = EVENT // 2
    lane = clear = edge + half
    right = item.right - 8
    for rank, (event, label, slot) in enumerate(events, 1):
        x = right - half - 4
        lane = max(lane + _LANE, clear)  # under the names of the events it passes
        bounds = None
        if label is not None:
            bounds = Bounds(x - 6 - label[0], edge + half + _LABEL_GAP, *label)
            clear = max(clear, bounds.bottom + _LABEL_GAP)
        item.shapes[event.id] = Shape(Bounds(x - half, edge - half, EVENT, EVENT), bounds)
        item.ports[event.id] = Port(Point(x, edge + half), Point(x, lane), rank)
        item.below = max(lane, clear)
        right -= slot
