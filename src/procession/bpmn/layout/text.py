"""How much room a text takes, near enough to what Arial needs in a browser."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterator

LABEL_FONT, BOX_FONT = 11, 12
LABEL_LINE, BOX_LINE = 14, 15
LABEL_WIDTH = 90
"""At which Modeler breaks the names beside events, gateways and flows."""
_NARROW = frozenset(" !'(),./:;I[]fijlrt|")
_WIDE = frozenset("%@MWmw—…")


def width_of(text: str, font: int) -> int:
    """The width of one line, in pixels, rounded up."""
    return math.ceil(font * sum(map(_em, text)))


def _em(character: str) -> float:
    if character in _NARROW:
        return 0.34
    if character in _WIDE:
        return 0.95
    if unicodedata.east_asian_width(character) in "WF":
        return 1.05
    return 0.72 if character.isupper() else 0.58


def wrap(text: str, width: int, font: int) -> list[str]:
    """Lines no wider than `width`, broken between words; a word that is too long is cut.

    Lines of the text itself are kept, empty ones left out.
    """
    return [line for part in text.splitlines() for line in _wrapped(part, width, font)]


def _wrapped(text: str, width: int, font: int) -> list[str]:
    lines: list[str] = []
    line = ""
    for word in _pieces(text, width, font):
        longer = f"{line} {word}" if line else word
        if line and width_of(longer, font) > width:
            lines.append(line)
            line = word
        else:
            line = longer
    return [*lines, line] if line else lines


def _pieces(text: str, width: int, font: int) -> Iterator[str]:
    for word in text.split():
        piece = ""
        for character in word:
            if piece and width_of(piece + character, font) > width:
                yield piece
                piece = ""
            piece += character
        yield piece


def label_size(text: str | None, width: int = LABEL_WIDTH) -> tuple[int, int] | None:
    """Width and height of a name beside its element; None if there is nothing to read."""
    lines = wrap(text or "", width, LABEL_FONT)
    if not lines:
        return None
    return max(width_of(line, LABEL_FONT) for line in lines), LABEL_LINE * len(lines)
