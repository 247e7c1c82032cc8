"""Drawing with SVG elements."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from lxml import etree
from lxml.etree import _Element as Element

from procession.bpmn.characters import FORBIDDEN
from procession.bpmn.layout import Bounds, Point

SVG: Final = "http://www.w3.org/2000/svg"
INK, PAPER = "#22242a", "#ffffff"


class Pen:
    """Draws into one group. Lengths are in pixels, as in the diagram."""

    def __init__(self, group: Element) -> None:
        self._group = group

    def group(self, element_id: str) -> Pen:
        """A pen for one element of the process, which can be found by its id."""
        return Pen(self._add("g", {"data-element-id": _carried(element_id)}))

    def circle(self, middle: Point, radius: float, *, width: float = 2, dashes: str = "") -> None:
        where = {"cx": _number(middle.x), "cy": _number(middle.y), "r": _number(radius)}
        self._add("circle", where | _style(width, PAPER, dashes))

    def box(self, bounds: Bounds, *, radius: int = 10, width: float = 2) -> None:
        where = {
            "x": _number(bounds.x),
            "y": _number(bounds.y),
            "width": _number(bounds.width),
            "height": _number(bounds.height),
            "rx": _number(radius),
        }
        self._add("rect", where | _style(width, PAPER))

    def path(self, data: str, at: Point, *, fill: str = "none", width: float = 1.5, ink: str = INK) -> None:
        """A path around a point: its coordinates are relative to it."""
        shape = {"d": data, "transform": f"translate({at.x} {at.y})"}
        self._add("path", shape | _style(width, fill) | {"stroke": ink, "stroke-linejoin": "round"})

    def arrow(self, points: Iterable[Point]) -> None:
        line = " ".join(f"{point.x},{point.y}" for point in points)
        self._add("polyline", {"points": line, "marker-end": "url(#arrow)"} | _style(1.5, "none"))

    def text(self, lines: list[str], middle: Point, size: int, leading: int, *, turned: bool = False) -> None:
        """Centred lines; turned ones read upwards."""
        style = {"font-size": str(size), "text-anchor": "middle", "fill": INK}
        if turned:
            style["transform"] = f"rotate(-90 {middle.x} {middle.y})"
        element = self._add("text", style)
        first = middle.y - (len(lines) - 1) * leading / 2 + size * 0.36
        for index, line in enumerate(lines):
            where = {"x": _number(middle.x), "y": _number(first + index * leading)}
            span = etree.SubElement(element, f"{{{SVG}}}tspan", where)
            span.text = _carried(line)

    def _add(self, name: str, attributes: dict[str, str]) -> Element:
        return etree.SubElement(self._group, f"{{{SVG}}}{name}", attributes)


def _style(width: float, fill: str, dashes: str = "") -> dict[str, str]:
    style = {"stroke": INK, "stroke-width": _number(width), "fill": fill}
    return style | ({"stroke-dasharray": dashes} if dashes else {})


def _number(value: float) -> str:
    return f"{value:g}"


def _carried(text: str) -> str:
    return FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", text)
