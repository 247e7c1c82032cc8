"""Which column every item stands in: cycles are broken, then each item follows its longest path."""

from __future__ import annotations

from collections.abc import Iterator

from procession.bpmn.layout.items import Item, Link
from procession.model import Kind

_BENDS_PER_ITEM = 12
"""Links that would need more bends than this go around: the work stays in proportion to the items."""
_ROOM = 6
"""Above and below a line that passes through a layer."""

Outgoing = dict[Item, list[Link]]


def layers_of(items: list[Item], links: list[Link]) -> list[list[Item]]:
    """Put every item in a layer and give long links their bends. Answers the layers."""
    outgoing = _outgoing(items, links)
    _mark_back_links(items, outgoing)
    _follow_longest_paths(items, outgoing)
    layers: list[list[Item]] = [[] for _ in range(1 + max((item.layer for item in items), default=-1))]
    for item in (*items, *_bend(len(items), links)):
        layers[item.layer].append(item)
    return layers


def _outgoing(items: list[Item], links: list[Link]) -> Outgoing:
    outgoing: Outgoing = {item: [] for item in items}
    for link in links:
        outgoing[link.source].append(link)
    return outgoing


def _mark_back_links(items: list[Item], outgoing: Outgoing) -> None:
    """A link to an item whose paths are still being followed closes a cycle."""
    entered = {link.target for links in outgoing.values() for link in links}
    done: set[Item] = set()
    open_: set[Item] = set()
    for root in sorted(items, key=lambda item: (not _is_start(item), item in entered)):
        if root in done:
            continue
        stack = [(root, iter(outgoing[root]))]
        open_.add(root)
        while stack:
            item, remaining = stack[-1]
            found = _next_unseen(remaining, done, open_)
            if found is None:
                stack.pop()
                open_.discard(item)
                done.add(item)
            else:
                open_.add(found)
                stack.append((found, iter(outgoing[found])))


def _next_unseen(remaining: Iterator[Link], done: set[Item], open_: set[Item]) -> Item | None:
    for link in remaining:
        if link.target in open_:
            link.is_back = link.is_around = True
        elif link.target not in done:
            return link.target
    return None


def _is_start(item: Item) -> bool:
    return item.node is not None and item.node.kind is Kind.START_EVENT


def _follow_longest_paths(items: list[Item], outgoing: Outgoing) -> None:
    missing = dict.fromkeys(items, 0)
    for links in outgoing.values():
        for link in links:
            missing[link.target] += not link.is_back
    ready = [item for item in items if not missing[item]]
    for item in ready:  # grows while it is walked
        for link in outgoing[item]:
            if link.is_back:
                continue
            link.target.layer = max(link.target.layer, item.layer + 1)
            missing[link.target] -= 1
            if not missing[link.target]:
                ready.append(link.target)


def _bend(count: int, links: list[Link]) -> Iterator[Item]:
    """Bends of the links that pass layers. Those to one target share them, like branches of a tree."""
    long: dict[Item, list[Link]] = {}
    for link in links:
        if not link.is_back and link.target.layer - link.source.layer > 1:
            long.setdefault(link.target, []).append(link)
    room = count * _BENDS_PER_ITEM
    for group in sorted(long.values(), key=_passed):
        room -= _passed(group)
        if room < 0:
            for link in group:
                link.is_around = True
        else:
            yield from _tree(group)


def _passed(group: list[Link]) -> int:
    """How many layers a group's links pass, together."""
    return sum(link.target.layer - link.source.layer - 1 for link in group)


def _tree(group: list[Link]) -> Iterator[Item]:
    shared: dict[int, Item] = {}
    for link in group:
        bends: list[Item] = []
        for layer in range(link.source.layer + 1, link.target.layer):
            # The first bend of a link with a name is its own: the name stands over it.
            own = link.label is not None and not bends
            bend = None if own else shared.get(layer)
            if bend is None:
                bend = Item(toward=link.target, layer=layer, above=_ROOM, below=_ROOM)
                if not own:
                    shared[layer] = bend
                yield bend
            bends.append(bend)
        link.bends = tuple(bends)
