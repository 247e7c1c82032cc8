"""Where the nodes and flows of a process are drawn: a layered layout from left to right."""

from procession.bpmn.layout.diagram import Bounds, Diagram, Edge, Point, Shape
from procession.bpmn.layout.pools import lay_out

__all__ = ["Bounds", "Diagram", "Edge", "Point", "Shape", "lay_out"]
