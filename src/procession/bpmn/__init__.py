"""BPMN 2.0 XML: read into `procession.model` and validated, written from it with a diagram.

Reading is what every node does; the modules for writing and drawing load when they are used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from procession.bpmn.reading import Reading, read
from procession.bpmn.xml import MAX_BYTES

if TYPE_CHECKING:
    from procession.bpmn.layout import Bounds, Diagram, Edge, Point, Shape, lay_out
    from procession.bpmn.svg import draw
    from procession.bpmn.writing import write

__all__ = [
    "MAX_BYTES",
    "Bounds",
    "Diagram",
    "Edge",
    "Point",
    "Reading",
    "Shape",
    "draw",
    "lay_out",
    "read",
    "write",
]

_HOMES = {
    **dict.fromkeys(("Bounds", "Diagram", "Edge", "Point", "Shape", "lay_out"), "procession.bpmn.layout"),
    "draw": "procession.bpmn.svg",
    "write": "procession.bpmn.writing",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
