"""Lanes: lines above or below the layers, for links that go back or far and so go around."""

from __future__ import annotations

from collections.abc import Iterable

from procession.bpmn.layout.heights import Heights
from procession.bpmn.layout.items import Item, Link

_GAP = 20
_LABEL_GAP = 4


def put_on_lanes(layers: list[list[Item]], links: Iterable[Link]) -> None:
    """Give every link that goes around its lane: short ones near, long ones around them.

    Links to one target share a lane, unless they have a name.
    """
    groups: dict[tuple[Item, bool, str], list[Link]] = {}
    for link in links:
        if link.is_around:
            alone = link.id if link.label else ""
            groups.setdefault((link.target, link.is_back, alone), []).append(link)
    edges = _Edges(layers)
    for group in sorted(groups.values(), key=_span):
        edges.pass_by(group)


def _ends(group: list[Link]) -> tuple[int, int]:
    layers = [item.layer for link in group for item in (link.source, link.target)]
    return min(layers), max(layers)


def _span(group: list[Link]) -> int:
    first, last = _ends(group)
    return last - first


class _Edges:
    """How far everything reaches up and down, layer by layer, with the lanes so far."""

    def __init__(self, layers: list[list[Item]]) -> None:
        self._last = max(len(layers) - 1, 0)
        self._up = Heights(len(layers))
        self._down = Heights(len(layers))
        for index, layer in enumerate(layers):
            self._up.raise_to(index, index, max(-item.top for item in layer))
            self._down.raise_to(index, index, max(item.bottom for item in layer))

    def pass_by(self, group: list[Link]) -> None:
        """Put a group on the side that is nearer to its ends."""
        first, last = _ends(group)
        label = max((link.label[1] + _LABEL_GAP for link in group if link.label), default=0)
        if label:  # the name may be wider than what it stands over
            first, last = max(first - 1, 0), min(last + 1, self._last)
        upper = -(self._up.highest(first, last) or 0) - _GAP
        lower = (self._down.highest(first, last) or 0) + _GAP + label
        if _detour(group, upper) <= _detour(group, lower):
            lane = upper
            self._up.raise_to(first, last, -upper + label)
        else:
            lane = lower
            self._down.raise_to(first, last, lower)
        for link in group:
            link.lane = lane


def _detour(group: list[Link], lane: int) -> int:
    return sum(abs(link.source.y + link.port.turn.y - lane) + abs(link.target.y - lane) for link in group)
