"""Where everything is drawn: the values of BPMN DI (BPMN 2.0 section 12.2), in its pixels."""

from __future__ import annotations

import msgspec


class Point(msgspec.Struct, frozen=True):
    x: int
    y: int

    def moved(self, dx: int, dy: int) -> Point:
        return Point(self.x + dx, self.y + dy)


class Bounds(msgspec.Struct, frozen=True):
    """A rectangle by its upper left corner; y grows downwards."""

    x: int
    y: int
    width: int
    height: int

    @property
    def right(self) -> int:
        return self.x + self.width

    @property
    def bottom(self) -> int:
        return self.y + self.height

    def moved(self, dx: int, dy: int) -> Bounds:
        return Bounds(self.x + dx, self.y + dy, self.width, self.height)


class Shape(msgspec.Struct, frozen=True):
    """A node or pool. The names of events and gateways stand beside them, in `label`."""

    bounds: Bounds
    label: Bounds | None = None

    def moved(self, dx: int, dy: int) -> Shape:
        return Shape(self.bounds.moved(dx, dy), self.label and self.label.moved(dx, dy))


class Edge(msgspec.Struct, frozen=True):
    """A sequence flow from its source's border to its target's."""

    waypoints: tuple[Point, ...]
    label: Bounds | None = None

    def moved(self, dx: int, dy: int) -> Edge:
        points = tuple(point.moved(dx, dy) for point in self.waypoints)
        return Edge(points, self.label and self.label.moved(dx, dy))


class Diagram(msgspec.Struct, frozen=True, kw_only=True):
    """Shapes by the id of their node, edges by the id of their flow, pools by the id of their process.

    All of it lies right of x = 0 and below y = 0.
    """

    shapes: dict[str, Shape]
    edges: dict[str, Edge]
    width: int
    height: int
    pools: dict[str, Bounds] = {}
    """Only where there are several processes."""
