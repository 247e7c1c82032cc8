"""Channels: the room between the layers, where lines rise and fall. Each gets the width it needs."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from itertools import pairwise

import msgspec

from procession.bpmn.layout.heights import Heights
from procession.bpmn.layout.items import Item, Link

_MARGIN, _TRACK, _LEAST = 25, 12, 50
_CLEARANCE = 10
"""Lines that rise on one track keep so far apart."""


Together = dict[tuple[Item, int], int]
"""How many lines rise behind an item's port."""


class Rise(msgspec.Struct, eq=False):
    """A vertical line, shared by links that leave one port or arrive at one item."""

    arriving: list[int]
    """Where lines come to it from the left."""
    leaving: list[int]
    """Where they go on to the right."""
    track: int = 0

    @property
    def top(self) -> int:
        return min(*self.arriving, *self.leaving)

    @property
    def bottom(self) -> int:
        return max(*self.arriving, *self.leaving)

    @property
    def preference(self) -> tuple[bool, int]:
        """An order in which lines with the same direction do not cross each other."""
        line = min(self.arriving)
        is_upward = sum(self.leaving) * len(self.arriving) < sum(self.arriving) * len(self.leaving)
        return is_upward, line if is_upward else -line


class Channel:
    """One channel. After `arrange` it knows its width and where in it each rise is."""

    def __init__(self) -> None:
        self._rises: dict[object, Rise] = {}
        self._tracks = 0
        self.label_width = 0
        """Of the names that stand at its right."""

    def add(self, key: object, arriving: int, leaving: int) -> None:
        """A line that comes on one height and goes on another; those with one key rise together."""
        rise = self._rises.get(key)
        if rise is None:
            self._rises[key] = Rise([arriving], [leaving])
        else:
            rise.arriving.append(arriving)
            rise.leaving.append(leaving)

    def arrange(self) -> None:
        """Give every rise a track of its own where it would touch another."""
        rises = [rise for rise in self._rises.values() if rise.top < rise.bottom]
        places = {y: index for index, y in enumerate(sorted({y for one in rises for y in _ends(one)}))}
        used = Heights(len(places))
        for rise in _ordered(rises):
            first, last = places[rise.top - _CLEARANCE], places[rise.bottom]
            highest = used.highest(first, last)
            rise.track = 0 if highest is None else highest + 1
            used.raise_to(first, last, rise.track)
            self._tracks = max(self._tracks, rise.track + 1)

    @property
    def width(self) -> int:
        return max(self._lines_width + self.label_width, _LEAST)

    @property
    def _lines_width(self) -> int:
        return 2 * _MARGIN + max(self._tracks - 1, 0) * _TRACK

    @property
    def labels_from(self) -> int:
        """From its left side to where the names begin."""
        return self._lines_width - _MARGIN + _TRACK // 2 if self._tracks else 4

    def across(self, key: object) -> int:
        """How far right of its left side a rise is."""
        return _MARGIN + self._rises[key].track * _TRACK


def _ends(rise: Rise) -> tuple[int, int]:
    return rise.top - _CLEARANCE, rise.bottom


def _ordered(rises: list[Rise]) -> Iterable[Rise]:
    """From left to right: what arrives on the height on which another leaves has to end before it."""
    leaving: dict[int, list[int]] = {}
    for index, rise in enumerate(rises):
        for y in set(rise.leaving):
            leaving.setdefault(y, []).append(index)
    later: list[list[int]] = [[] for _ in rises]
    missing = [0] * len(rises)
    for index, rise in enumerate(rises):
        for y in set(rise.arriving):
            for other in leaving.get(y, ()):
                if other != index:
                    later[index].append(other)
                    missing[other] += 1
    return _by_need(rises, later, missing)


def _by_need(rises: list[Rise], later: list[list[int]], missing: list[int]) -> Iterable[Rise]:
    """Those first that wait for no other; where all wait for each other, the one that would like to be."""
    free = [(rise.preference, index) for index, rise in enumerate(rises) if not missing[index]]
    blocked = sorted((rise.preference, index) for index, rise in enumerate(rises) if missing[index])
    blocked.reverse()
    heapq.heapify(free)
    done: set[int] = set()
    while free or blocked:
        _, index = heapq.heappop(free) if free else blocked.pop()
        if index in done:
            continue
        done.add(index)
        yield rises[index]
        for other in later[index]:
            missing[other] -= 1
            if not missing[other]:
                heapq.heappush(free, (rises[other].preference, other))


def channels_of(count: int, links: Iterable[Link]) -> list[Channel]:
    """The channels before, between and behind `count` layers, with all that rises in them."""
    channels = [Channel() for _ in range(count + 1)]
    together = together_of(links)
    for link in links:
        for index, arriving, leaving, key in pieces(link, together):
            channels[index].add(key, arriving, leaving)
        if link.label is not None and not link.is_around:
            channel = channels[link.source.layer + 1]
            channel.label_width = max(channel.label_width, link.label[0])
    for channel in channels:
        channel.arrange()
    return channels


def together_of(links: Iterable[Link]) -> Together:
    """How many lines rise behind each port."""
    found: dict[tuple[Item, int], set[int]] = {}
    for link in links:
        if not link.leaves_straight:
            found.setdefault((link.source, link.port.rank), set()).add(link.first_line)
    return {port: len(lines) for port, lines in found.items()}


def pieces(link: Link, together: Together) -> list[tuple[int, int, int, object]]:
    """Where a link changes its height: the channel, from and to which height, and together with what.

    What fans out of one port rises together; all else rises with what goes to the same item.
    """
    port = (link.source, link.port.rank)
    fan = ("from", *port) if together.get(port, 0) > 1 else None
    begin = link.first_line if link.leaves_straight else link.source.y + link.port.turn.y
    first, last = link.source.layer + 1, link.target.layer
    if link.is_around:
        end = link.lane if link.enters_straight else link.target.y
        leave = (first, begin, link.lane, fan or ("around", link.target, link.lane))
        return [leave, (last, link.lane, end, ("to", link.target))]
    found: list[tuple[int, int, int, object]] = []
    for source, target in pairwise(link.stations):
        line = begin if source is link.source else source.y
        end = target.y
        if target is link.target and link.enters_straight:
            end = link.last_line
        key = fan if fan and source is link.source else ("to", target)
        found.append((source.layer + 1, line, end, key))
    return found
