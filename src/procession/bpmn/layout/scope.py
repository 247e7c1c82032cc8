"""The layout of one scope: layers from left to right, what they hold from top to bottom, lines between.

The method is that of Sugiyama, Tagawa and Toda (1981): break cycles, layer, order, place, route.
"""

from __future__ import annotations

from collections.abc import Iterable

from procession.bpmn.layout.blocks import Inside, items_of
from procession.bpmn.layout.channels import Channel, channels_of, together_of
from procession.bpmn.layout.diagram import Bounds, Diagram, Edge, Shape
from procession.bpmn.layout.items import Item, Link
from procession.bpmn.layout.lanes import put_on_lanes
from procession.bpmn.layout.layers import layers_of
from procession.bpmn.layout.order import put_in_order
from procession.bpmn.layout.routes import Placed
from procession.bpmn.layout.rows import put_in_rows
from procession.bpmn.layout.straight import go_straight
from procession.model import Body, Kind

_LINE_GAP = 4
"""Over a flow: between its name and what is above."""


def lay_out_body(body: Body) -> Inside:
    """Lay out a scope, what is inside its sub-processes first. Also answers the line it begins on."""
    insides = {node.id: lay_out_body(node.body) for node in body.nodes if node.body is not None}
    items, links = items_of(body, insides)
    layers = layers_of(items, links)
    _make_room_for_names(links)
    put_in_order(layers, items, links)
    put_in_rows(layers, links)
    put_on_lanes(layers, links)
    go_straight(layers, links)
    channels = channels_of(len(layers), links)
    placed = Placed(channels, _place_columns(layers, channels), together_of(links))
    edges = {link.id: placed.edge(link) for link in links}
    return _moved_to_origin(items, edges)


def _make_room_for_names(links: list[Link]) -> None:
    """Names of flows stand over the line on which they arrive in the next layer."""
    heights: dict[Item, int] = {}
    for link in links:
        if link.label is not None and not link.is_around:
            arrived = link.stations[1]
            heights[arrived] = heights.get(arrived, 0) + link.label[1]
    for item, height in heights.items():
        item.above = max(item.above, height + _LINE_GAP)


def _place_columns(layers: list[list[Item]], channels: list[Channel]) -> list[int]:
    """Give items their `x`. Answers where each channel begins."""
    lefts = [0]
    for layer, channel in zip(layers, channels, strict=False):
        left = lefts[-1] + channel.width
        middle = left + max(item.left for item in layer)
        for item in layer:
            item.x = middle
        lefts.append(middle + max(item.right for item in layer))
    return lefts


def _moved_to_origin(items: list[Item], edges: dict[str, Edge]) -> Inside:
    if not items:
        return Diagram(shapes={}, edges={}, width=0, height=0), 0
    shapes = {id: shape.moved(item.x, item.y) for item in items for id, shape in item.shapes.items()}
    boxes = [*_boxes(shapes.values()), *_edge_boxes(edges.values())]
    left, top = min(box.x for box in boxes), min(box.y for box in boxes)
    for item in items:
        if item.inside is not None:
            diagram, at = item.inside
            shapes |= {id: one.moved(item.x + at.x, item.y + at.y) for id, one in diagram.shapes.items()}
            edges |= {id: one.moved(item.x + at.x, item.y + at.y) for id, one in diagram.edges.items()}
    moved = Diagram(
        shapes={id: shape.moved(-left, -top) for id, shape in shapes.items()},
        edges={id: edge.moved(-left, -top) for id, edge in edges.items()},
        width=max(box.right for box in boxes) - left,
        height=max(box.bottom for box in boxes) - top,
    )
    return moved, _first_line(items) - top


def _first_line(items: list[Item]) -> int:
    starts = (item for item in items if item.node is not None and item.node.kind is Kind.START_EVENT)
    return next(starts, items[0]).y


def _boxes(shapes: Iterable[Shape]) -> Iterable[Bounds]:
    for shape in shapes:
        yield shape.bounds
        if shape.label is not None:
            yield shape.label


def _edge_boxes(edges: Iterable[Edge]) -> Iterable[Bounds]:
    for edge in edges:
        yield from (Bounds(point.x, point.y, 0, 0) for point in edge.waypoints)
        if edge.label is not None:
            yield edge.label
