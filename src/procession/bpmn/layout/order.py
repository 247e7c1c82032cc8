"""The order of items within their layers: as the paths are drawn, then with fewer crossings."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterable
from itertools import pairwise

from procession.bpmn.layout.items import Item, Link

_SWEEPS = 12
_PATIENCE = 4
"""Sweeps without a better order after which it stays as it is."""

Neighbours = dict[Item, list[tuple[Item, int]]]
"""For each item the next ones on one side, each with the rank of the port the line leaves by."""
Layers = list[list[Item]]


def put_in_order(layers: Layers, items: list[Item], links: list[Link]) -> None:
    """Sort each layer from top to bottom, and tell every item its position."""
    after, before = _neighbours(links)
    _follow_paths(layers, items, after)
    best = crossings(layers, after)
    kept = [list(layer) for layer in layers]
    unsuccessful = 0
    for sweep in range(_SWEEPS):
        if best == 0 or unsuccessful == _PATIENCE:
            break
        if sweep % 2 == 0:
            _sweep(layers[1:], before)
        else:
            _sweep(layers[-2::-1], after)
        found = crossings(layers, after)
        unsuccessful += 1
        if found < best:
            best, kept, unsuccessful = found, [list(layer) for layer in layers], 0
    for layer, order in zip(layers, kept, strict=True):
        layer[:] = order
        _number(layer)


def _neighbours(links: list[Link]) -> tuple[Neighbours, Neighbours]:
    after: Neighbours = {}
    before: Neighbours = {}
    seen: set[tuple[Item, Item, int]] = set()
    # What is next to an item comes before what is far: the straight line is for the steps of a path.
    for link in sorted(links, key=lambda link: (link.port.rank, len(link.bends) > 0)):
        stations = () if link.is_around else link.stations
        rank = link.port.rank
        for source, target in pairwise(stations):
            if (source, target, rank) not in seen:
                seen.add((source, target, rank))
                after.setdefault(source, []).append((target, rank))
                before.setdefault(target, []).append((source, rank))
            rank = 0
    return after, before


def _follow_paths(layers: Layers, items: list[Item], after: Neighbours) -> None:
    """Order the layers as a walk along the paths meets their items, branches from top to bottom."""
    met: dict[Item, None] = {}
    entered = {item for found in after.values() for item, _ in found}
    for root in sorted(items, key=lambda item: item in entered):
        waiting = [root]
        while waiting:
            item = waiting.pop()
            if item not in met:
                met[item] = None
                waiting.extend(target for target, _ in reversed(after.get(item, ())))
    for layer in layers:
        layer.clear()
    for item in met:
        layers[item.layer].append(item)
    for layer in layers:
        _number(layer)


def _number(layer: Iterable[Item]) -> None:
    for position, item in enumerate(layer):
        item.position = position


def _sweep(layers: Iterable[list[Item]], neighbours: Neighbours) -> None:
    for layer in layers:
        middle = {item: _middle(item, neighbours.get(item)) for item in layer}
        layer.sort(key=middle.__getitem__)
        _number(layer)


def _middle(item: Item, found: list[tuple[Item, int]] | None) -> float:
    """The mean position of an item's neighbours; without any it stays where it is."""
    if not found:
        return item.position
    return sum(_place(neighbour, rank) for neighbour, rank in found) / len(found)


def _place(item: Item, rank: int) -> float:
    return item.position + rank / (len(item.ports) + 1)


def crossings(layers: Layers, after: Neighbours) -> int:
    """How many pairs of lines cross between the layers."""
    count = 0
    for layer in layers:
        ends: list[int] = []
        lines = [
            (_place(item, rank), target.position) for item in layer for target, rank in after.get(item, ())
        ]
        for _, position in sorted(lines):
            insort(ends, position)
            count += len(ends) - bisect_right(ends, position)
    return count
