"""Which lines may leave or enter by the top or bottom of a shape: where nothing stands in their way."""

from __future__ import annotations

from collections import Counter

from procession.bpmn.layout.items import Item, Link
from procession.bpmn.layout.sizes import GATEWAY, GATEWAYS

_CLEARANCE = 6
_LEAST = GATEWAY // 2 + 15
"""A line closer to the middle of a gateway would have no room to turn."""

Layers = list[list[Item]]


def go_straight(layers: Layers, links: list[Link]) -> None:
    """Mark the links that do. The tips of a gateway are for what it sends if that forks, else for what it
    receives, so that it stays plain which way a line goes."""
    sent = Counter(link.source for link in links)
    for link in links:
        if link.port.rank > 0:
            link.leaves_straight = _drops(layers, link)
        elif _is_gateway(link.source) and sent[link.source] > 1:
            link.leaves_straight = _reaches(layers, link, link.source, link.first_line)
    for link in links:
        if _is_gateway(link.target) and sent[link.target] < 2:
            link.enters_straight = _may_enter(link) and _reaches(layers, link, link.target, link.last_line)


def _is_gateway(item: Item) -> bool:
    return item.node is not None and item.node.kind in GATEWAYS


def _may_enter(link: Link) -> bool:
    """Whether it comes on a line of its own: where it left straight it is on its target's line already, and
    its name needs a line behind the channel."""
    if link.is_around or link.bends:
        return True
    return not link.leaves_straight and link.label is None


def _drops(layers: Layers, link: Link) -> bool:
    """From a boundary event straight down to its line, past what hangs below its host."""
    item, line = link.source, link.first_line
    return line >= item.y + link.port.turn.y and _is_free(layers, link, item, line)


def _reaches(layers: Layers, link: Link, item: Item, line: int) -> bool:
    return abs(line - item.y) >= _LEAST and _is_free(layers, link, item, line)


def _is_free(layers: Layers, link: Link, item: Item, line: int) -> bool:
    """Whether nothing stands between an end of a link and its line in that layer."""
    layer = layers[item.layer]
    if line > item.y:
        below = layer[item.position + 1] if item.position + 1 < len(layer) else None
        return below is None or line + _CLEARANCE <= below.top or _joins(link, below, line)
    above = layer[item.position - 1] if item.position else None
    is_clear = above is None or above.bottom <= line - _CLEARANCE or _joins(link, above, line)
    return is_clear and line <= item.top - _CLEARANCE


def _joins(link: Link, passing: Item, line: int) -> bool:
    """Whether what passes there is the line it is going to share with others to its target."""
    return passing.toward is link.target and passing.y == line
