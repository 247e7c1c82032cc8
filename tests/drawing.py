"""What must not be in a diagram: shapes on shapes, lines through shapes, slanted or loose lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations, pairwise

from procession.bpmn import Bounds, Diagram, Point
from procession.model import Body, Kind, Process, SequenceFlow

Names = dict[str, Bounds]


def flaws(processes: Iterable[Process], diagram: Diagram) -> list[str]:
    """Everything that is wrong with a diagram of these processes."""
    found: list[str] = []
    for process in processes:
        frame = diagram.pools.get(process.id, Bounds(0, 0, diagram.width, diagram.height))
        found += _in_body(process.body, diagram, frame)
    found += _overlaps(diagram.pools)
    return found


def _in_body(body: Body, diagram: Diagram, frame: Bounds) -> Iterator[str]:
    shapes = {node.id: diagram.shapes[node.id].bounds for node in body.nodes}
    hosts = {node.id: node.attached_to for node in body.nodes if node.kind is Kind.BOUNDARY_EVENT}
    for id, host in hosts.items():
        if not _straddles(shapes[id], shapes[host or ""]):
            yield f"{id} does not sit on the lower edge of {host}"
    alone = {id: bounds for id, bounds in shapes.items() if id not in hosts}
    yield from _overlaps(alone)
    yield from _overlaps({id: bounds for id, bounds in shapes.items() if id in hosts})
    for id, bounds in shapes.items():
        for other in alone:
            if id in hosts and other != hosts[id] and _overlap(bounds, shapes[other]):
                yield f"{id} overlaps {other}"
    yield from (f"{id} is not inside {frame}" for id in shapes if not _contains(frame, shapes[id]))
    yield from _names(body, diagram, shapes, frame)
    for flow in body.flows:
        yield from _line(flow, diagram, shapes, hosts, frame)
    for node in body.nodes:
        if node.body is not None:
            yield from _in_body(node.body, diagram, shapes[node.id])


def _names(body: Body, diagram: Diagram, shapes: Names, frame: Bounds) -> Iterator[str]:
    labels = {node.id: diagram.shapes[node.id].label for node in body.nodes}
    labels |= {flow.id: diagram.edges[flow.id].label for flow in body.flows}
    names = {f"the name of {id}": label for id, label in labels.items() if label is not None}
    yield from _overlaps(names)
    for name, bounds in names.items():
        yield from (f"{name} is on {id}" for id, shape in shapes.items() if _overlap(bounds, shape))
        if not _contains(frame, bounds):
            yield f"{name} is not inside {frame}"


def _overlaps(boxes: Names) -> Iterator[str]:
    ordered = sorted(boxes, key=lambda id: boxes[id].x)
    open_: list[str] = []
    for id in ordered:
        open_ = [other for other in open_ if boxes[other].right > boxes[id].x]
        yield from (f"{id} overlaps {other}" for other in open_ if _overlap(boxes[id], boxes[other]))
        open_.append(id)


def _overlap(one: Bounds, other: Bounds) -> bool:
    return one.x < other.right and other.x < one.right and one.y < other.bottom and other.y < one.bottom


def _contains(frame: Bounds, inner: Bounds) -> bool:
    across = frame.x <= inner.x and inner.right <= frame.right
    return across and frame.y <= inner.y and inner.bottom <= frame.bottom


def _straddles(event: Bounds, host: Bounds) -> bool:
    middle = event.y + event.height // 2
    return middle == host.bottom and host.x <= event.x and event.right <= host.right


def _line(
    flow: SequenceFlow, diagram: Diagram, shapes: Names, hosts: dict[str, str | None], frame: Bounds
) -> Iterator[str]:
    points = diagram.edges[flow.id].waypoints
    if len(points) < 2 or len(set(points)) < len(points):
        yield f"{flow.id} has the points {points}"
    if not _is_on_border(points[0], shapes[flow.source]):
        yield f"{flow.id} does not begin on the border of {flow.source}"
    if not _is_on_border(points[-1], shapes[flow.target]):
        yield f"{flow.id} does not end on the border of {flow.target}"
    for start, end in pairwise(points):
        if (start.x == end.x) == (start.y == end.y):
            yield f"{flow.id} is slanted from {start} to {end}"
        stretch = _stretch(start, end)
        for id, shape in shapes.items():
            if _overlap(stretch, shape):
                yield f"{flow.id} runs through {id} from {start} to {end}"
    for one, other in combinations(pairwise(points), 2):
        if one[1] == other[0] and _doubles_back(*one, other[1]):
            yield f"{flow.id} doubles back at {one[1]}"
    if not all(_contains(frame, Bounds(point.x, point.y, 0, 0)) for point in points):
        yield f"{flow.id} leaves its frame"


def _stretch(start: Point, end: Point) -> Bounds:
    """A line as an area that overlaps every shape the line touches the inside of."""
    x, y = min(start.x, end.x), min(start.y, end.y)
    return Bounds(x, y, abs(start.x - end.x), abs(start.y - end.y))


def _doubles_back(before: Point, at: Point, after: Point) -> bool:
    return (at.x - before.x) * (after.x - at.x) < 0 or (at.y - before.y) * (after.y - at.y) < 0


def _is_on_border(point: Point, shape: Bounds) -> bool:
    across = point.x in (shape.x, shape.right) and shape.y <= point.y <= shape.bottom
    along = point.y in (shape.y, shape.bottom) and shape.x <= point.x <= shape.right
    return across or along
