"""The height of every item: paths run straight, and everything stands clear of what is above it.

Items that are to stand on one line form a row over neighbouring layers. Rows are pushed up against each
other, as in the block placement of Brandes and Köpf (2001), so the main path stays on top; then those
with room move towards what they are connected to.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from itertools import pairwise

from procession.bpmn.layout.items import Item, Link

_GAP, _BEND_GAP = 30, 8
_ROUNDS = 4

Row = list[Item]
Pairs = list[tuple[Item, Item]]
Attraction = tuple[Item, Item, int]


def put_in_rows(layers: list[list[Item]], links: list[Link]) -> None:
    """Give every item of the ordered layers its `y`."""
    rows = _rows(layers, links)
    row_of = {item: index for index, row in enumerate(rows) for item in row}
    order = _from_the_top(layers, rows, row_of)
    drops = _drops(links, row_of, order)
    for index in order:
        _move(rows[index], max(_highest(rows[index], layers), _under(drops.get(index, ()))))
    attractions = _attractions(links, row_of)
    for _ in range(_ROUNDS):
        for index in (*reversed(order), *order):
            _settle(rows[index], layers, attractions.get(index, []), _under(drops.get(index, ())))


def _rows(layers: list[list[Item]], links: list[Link]) -> list[Row]:
    after: dict[Item, Item] = {}
    for pairs in _pairs_by_layer(len(layers), links):
        after.update(_aligned(pairs))
    begun_before = set(after.values())
    rows = [[item] for layer in layers for item in layer if item not in begun_before]
    for row in rows:
        while (following := after.get(row[-1])) is not None:
            row.append(following)
    return rows


def _pairs_by_layer(count: int, links: list[Link]) -> list[Pairs]:
    pairs: list[dict[tuple[Item, Item], None]] = [{} for _ in range(count)]
    for link in links:
        if link.is_around:
            continue
        stations = link.stations
        for source, target in pairwise(stations):
            if source.is_bend or link.port.rank == 0:
                pairs[source.layer][source, target] = None
    return [list(found) for found in pairs]


def _aligned(pairs: Pairs) -> Iterator[tuple[Item, Item]]:
    """As many pairs as can be straight at once: each item in one of them, and none crossing another.

    Lines that pass by come first, since a bend in them says nothing; then the topmost of each fork.
    """
    pairs.sort(
        key=lambda pair: (not (pair[0].is_bend and pair[1].is_bend), pair[0].position, pair[1].position)
    )
    sources: list[int] = []
    targets: list[int] = []
    for source, target in pairs:
        at = bisect_left(sources, source.position)
        is_taken = at < len(sources) and sources[at] == source.position
        fits_above = at == 0 or targets[at - 1] < target.position
        fits_below = at == len(targets) or target.position < targets[at]
        if not is_taken and fits_above and fits_below:
            sources.insert(at, source.position)
            targets.insert(at, target.position)
            yield source, target


def _from_the_top(layers: list[list[Item]], rows: list[Row], row_of: dict[Item, int]) -> list[int]:
    """The rows in an order in which each comes after all that stand above it somewhere."""
    below: list[list[int]] = [[] for _ in rows]
    missing = [0] * len(rows)
    for layer in layers:
        for upper, lower in pairwise(layer):
            below[row_of[upper]].append(row_of[lower])
            missing[row_of[lower]] += 1
    order = [index for index, count in enumerate(missing) if not count]
    for one in order:  # grows while it is walked
        for other in below[one]:
            missing[other] -= 1
            if not missing[other]:
                order.append(other)
    return order


def _attractions(links: list[Link], row_of: dict[Item, int]) -> dict[int, list[Attraction]]:
    """For each row its items with what they are connected to, and how far apart the line's ends are."""
    found: dict[int, list[Attraction]] = {}
    for link in links:
        if link.is_around:
            continue
        offset = link.port.turn.y
        stations = link.stations
        for source, target in pairwise(stations):
            if row_of[source] != row_of[target]:
                found.setdefault(row_of[source], []).append((source, target, -offset))
                found.setdefault(row_of[target], []).append((target, source, offset))
            offset = 0
    return found


def _drops(links: list[Link], row_of: dict[Item, int], order: list[int]) -> dict[int, list[Link]]:
    """For each row the links that should come down to it: from boundary events in rows that stand before."""
    place = {index: at for at, index in enumerate(order)}
    found: dict[int, list[Link]] = {}
    for link in links:
        if link.port.rank > 0 and not link.is_around:
            index = row_of[link.stations[1]]
            if place[row_of[link.source]] < place[index]:
                found.setdefault(index, []).append(link)
    return found


def _under(drops: Iterable[Link]) -> int:
    return max((link.source.y + link.port.turn.y for link in drops), default=0)


def _move(row: Row, y: int) -> None:
    for item in row:
        item.y = y


def _between(upper: Item, lower: Item) -> int:
    gap = _BEND_GAP if upper.is_bend or lower.is_bend else _GAP
    return upper.below + gap + lower.above


def _highest(row: Row, layers: list[list[Item]]) -> int:
    """How far up the row can go, under what stands above it."""
    limits = [0]
    for item in row:
        if item.position > 0:
            upper = layers[item.layer][item.position - 1]
            limits.append(upper.y + _between(upper, item))
    return max(limits)


def _lowest(row: Row, layers: list[list[Item]]) -> int | None:
    limits = []
    for item in row:
        layer = layers[item.layer]
        if item.position + 1 < len(layer):
            lower = layer[item.position + 1]
            limits.append(lower.y - _between(item, lower))
    return min(limits, default=None)


def _settle(row: Row, layers: list[list[Item]], attractions: list[Attraction], under: int) -> None:
    """Move the row towards what it is connected to, but under what comes down to it, as far as its
    neighbours let it."""
    if not attractions:
        return
    lines = sorted(other.y + offset for _, other, offset in attractions)
    wanted = max(lines[(len(lines) - 1) // 2], under)
    lowest = _lowest(row, layers)
    if lowest is not None:
        wanted = min(wanted, lowest)
    _move(row, max(wanted, _highest(row, layers)))
