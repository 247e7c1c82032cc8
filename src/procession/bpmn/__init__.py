"""BPMN 2.0 XML: read into `procession.model` and validated, written from it with a diagram."""

from procession.bpmn.layout import Bounds, Diagram, Edge, Point, Shape, lay_out
from procession.bpmn.reading import Reading, read
from procession.bpmn.svg import draw
from procession.bpmn.writing import write
from procession.bpmn.xml import MAX_BYTES

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
