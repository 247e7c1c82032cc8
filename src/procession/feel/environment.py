"""Where names point to while an expression is compiled."""

from __future__ import annotations

import ast
from collections.abc import Mapping

from procession.feel import emit


class Frame:
    """A block of names: bound ones mapped to Python variables of ours, or the item of a filter."""

    __slots__ = ("bound", "item", "outer")

    def __init__(
        self, outer: Frame | None, bound: Mapping[str, ast.expr] | None = None, item: str | None = None
    ) -> None:
        self.outer = outer
        self.bound: dict[str, ast.expr] = dict(bound or {})
        self.item = item


def lookup(frame: Frame | None, name: str, free: ast.expr) -> ast.expr:
    """The Python expression that finds a name: the nearest binding, an item's entry, or `free`."""
    items: list[str] = []
    found = free
    while frame is not None:
        if name in frame.bound:
            found = frame.bound[name]
            break
        if frame.item is not None:
            items.append(frame.item)
        frame = frame.outer
    for variable in reversed(items):
        item = emit.load(variable)
        found = emit.conditional(
            emit.call("has_entry", item, emit.constant(name)), emit.item(item, name), found
        )
    return found


def is_bound(frame: Frame | None, name: str) -> bool:
    """Whether a block binds the name, so that it is no variable of the context."""
    while frame is not None:
        if name in frame.bound:
            return True
        frame = frame.outer
    return False
