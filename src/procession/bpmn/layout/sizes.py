"""Sizes of the shapes, as Camunda Modeler draws them."""

from __future__ import annotations

from typing import Final

from procession.bpmn.layout.text import BOX_FONT, BOX_LINE, wrap
from procession.model import FlowNode, Kind

EVENT: Final = 36
GATEWAY: Final = 50
EVENTS: Final = frozenset(
    {Kind.START_EVENT, Kind.END_EVENT, Kind.CATCH_EVENT, Kind.THROW_EVENT, Kind.BOUNDARY_EVENT}
)
GATEWAYS: Final = frozenset(
    {Kind.EXCLUSIVE_GATEWAY, Kind.PARALLEL_GATEWAY, Kind.INCLUSIVE_GATEWAY, Kind.EVENT_BASED_GATEWAY}
)
_TASK_WIDTHS = (100, 130, 160, 200)
_TASK_HEIGHT = 80
_TEXT_MARGIN = 12
_LINES = 3
"""So many lines keep clear of a task's icon and markers."""


def size_of(node: FlowNode) -> tuple[int, int]:
    """Width and height; a task is larger where its name asks for it. Not for sub-processes."""
    if node.kind in EVENTS:
        return EVENT, EVENT
    if node.kind in GATEWAYS:
        return GATEWAY, GATEWAY
    lines = 0
    for width in _TASK_WIDTHS:
        lines = len(wrap(node.name or "", width - _TEXT_MARGIN, BOX_FONT))
        if lines <= _LINES:
            return width, _TASK_HEIGHT
    return _TASK_WIDTHS[-1], _TASK_HEIGHT + (lines - _LINES) * BOX_LINE
