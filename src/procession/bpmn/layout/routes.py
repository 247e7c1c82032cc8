"""The waypoints of every link, and where its name stands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from procession.bpmn.layout.channels import Channel, Together, pieces
from procession.bpmn.layout.diagram import Bounds, Edge, Point
from procession.bpmn.layout.items import Item, Link
from procession.bpmn.layout.sizes import GATEWAY

_OVER_LINE = 3
_BESIDE_RISE = 8


class Placed:
    """The channels of a scope and the `x` at which each begins."""

    def __init__(self, channels: list[Channel], lefts: list[int], together: Together) -> None:
        self.channels = channels
        self.lefts = lefts
        self.together = together
        self._stacked: dict[tuple[int, int], int] = {}
        """How high the names over one line in one channel are already."""

    def edge(self, link: Link) -> Edge:
        """A link as it is drawn."""
        points = tuple(_without_detours(self._points(link)))
        return Edge(points, self._label(link, points))

    def _points(self, link: Link) -> Iterator[Point]:
        yield from _leaving(link)
        for index, arriving, leaving, key in pieces(link, self.together):
            if arriving != leaving:
                x = self.lefts[index] + self.channels[index].across(key)
                yield from (Point(x, arriving), Point(x, leaving))
        yield from _entering(link)

    def _label(self, link: Link, points: tuple[Point, ...]) -> Bounds | None:
        if link.label is None:
            return None
        width, height = link.label
        if link.is_around:
            return Bounds(self._along_lane(link, points), link.lane - height - _OVER_LINE, width, height)
        index, line = link.source.layer + 1, link.first_line
        below = self._stacked.get((index, line), 0)
        self._stacked[index, line] = below + height
        x = self.lefts[index] + self.channels[index].labels_from
        return Bounds(x, line - below - height - _OVER_LINE, width, height)

    def _along_lane(self, link: Link, points: tuple[Point, ...]) -> int:
        start = next(point.x for point in points if point.y == link.lane)
        assert link.label is not None
        return start - _BESIDE_RISE - link.label[0] if link.is_back else start + _BESIDE_RISE


def _leaving(link: Link) -> Iterator[Point]:
    source, port = link.source, link.port
    if link.leaves_straight and port.rank == 0:
        x, y = source.x, source.y + _tip(source, link.first_line)
    else:
        x, y = source.x + port.start.x, source.y + port.start.y
    yield Point(x, y)
    yield Point(x, link.first_line if link.leaves_straight else source.y + port.turn.y)


def _entering(link: Link) -> Iterator[Point]:
    target = link.target
    if link.enters_straight:
        yield Point(target.x, link.last_line)
        yield Point(target.x, target.y + _tip(target, link.last_line))
    else:
        yield Point(target.x - target.entry, target.y)


def _tip(gateway: Item, line: int) -> int:
    return GATEWAY // 2 if line > gateway.y else -(GATEWAY // 2)


def _without_detours(points: Iterable[Point]) -> Iterator[Point]:
    """Only the ends and the corners."""
    kept: list[Point] = []
    for point in points:
        if kept and kept[-1] == point:
            continue
        if len(kept) > 1 and _is_between(kept[-2], kept[-1], point):
            kept.pop()
        kept.append(point)
    return iter(kept)


def _is_between(before: Point, point: Point, after: Point) -> bool:
    return before.x == point.x == after.x or before.y == point.y == after.y
