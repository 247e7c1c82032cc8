"""What the layout moves about: items in columns, and the links between them."""

from __future__ import annotations

import msgspec

from procession.bpmn.layout.diagram import Diagram, Point, Shape
from procession.model import FlowNode

Size = tuple[int, int]


class Port(msgspec.Struct, frozen=True):
    """Where lines leave an item. Both points are relative to the item's own."""

    start: Point
    """On the border of the shape."""
    turn: Point
    """From here the line goes on to the right, below everything else of the item."""
    rank: int = 0
    """Ports of an item from top to bottom; 0 is its own line, the others belong to boundary events."""


class Item(msgspec.Struct, eq=False, kw_only=True):
    """A node with its name and boundary events, or (without a node) a bend of a line that passes by.

    `x` is the middle of its shape, `y` the line on which flows come and go; `left`, `right`, `above` and
    `below` say how far it reaches from there.
    """

    node: FlowNode | None = None
    toward: Item | None = None
    """Where the lines that bend here lead."""
    left: int = 0
    right: int = 0
    above: int = 0
    below: int = 0
    shapes: dict[str, Shape] = {}
    """Relative to the item's point."""
    inside: tuple[Diagram, Point] | None = None
    """The contents of a sub-process, and where they lie from the item's point."""
    entry: int = 0
    """From the item's point to the border on the left, where lines arrive."""
    ports: dict[str, Port] = {}
    """By the id of the node whose flows leave there: its own, and its boundary events'."""
    layer: int = 0
    position: int = 0
    """Its place in the layer, from the top."""
    x: int = 0
    y: int = 0

    @property
    def is_bend(self) -> bool:
        return self.node is None

    @property
    def top(self) -> int:
        return self.y - self.above

    @property
    def bottom(self) -> int:
        return self.y + self.below


class Link(msgspec.Struct, eq=False, kw_only=True):
    """A sequence flow between two items."""

    id: str
    source: Item
    target: Item
    port: Port
    label: Size | None = None
    is_back: bool = False
    """Whether it leads back to where its path has been."""
    is_around: bool = False
    """Whether it goes around the layers between its ends, on a lane above or below them."""
    bends: tuple[Item, ...] = ()
    """Its places in the layers it passes."""
    lane: int = 0
    """The line it goes around on."""
    leaves_straight: bool = False
    """Whether it leaves by the top or bottom of its source, instead of rising in the channel after it."""
    enters_straight: bool = False

    @property
    def stations(self) -> tuple[Item, ...]:
        """Its items, layer by layer. Not for links that go around."""
        return (self.source, *self.bends, self.target)

    @property
    def first_line(self) -> int:
        """The `y` it has behind the channel after its source."""
        return self.lane if self.is_around else self.stations[1].y

    @property
    def last_line(self) -> int:
        """The `y` it has before the channel in front of its target."""
        if self.is_around:
            return self.lane
        return self.bends[-1].y if self.bends else self.source.y + self.port.turn.y
