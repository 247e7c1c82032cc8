"""The whole diagram: one process by itself, several as pools below each other."""

from __future__ import annotations

from collections.abc import Iterable

from procession.bpmn.layout.diagram import Bounds, Diagram, Edge, Shape
from procession.bpmn.layout.scope import lay_out_body
from procession.model import Process

_MARGIN = 80
BAND = 30
"""The strip at the left of a pool, with its name."""
_PADDING = 40
_LEAST_WIDTH, _LEAST_HEIGHT = 400, 120
_GAP = 60


def lay_out(processes: Iterable[Process]) -> Diagram:
    """Draw processes: a position for every node, and a path for every sequence flow.

    Flows run from left to right, straight where they can, and at right angles; sub-processes are drawn with
    what is inside them. No shapes overlap, and no flow runs through one. The same processes always come out
    the same. The work grows with the number of elements, not with its square.
    """
    bodies = [(process.id, lay_out_body(process.body)[0]) for process in processes]
    if len(bodies) == 1:
        return _sole(bodies[0][1])
    return _pools(bodies)


def _sole(diagram: Diagram) -> Diagram:
    shapes, edges = _moved(diagram, _MARGIN, _MARGIN)
    return Diagram(
        shapes=shapes,
        edges=edges,
        width=diagram.width + 2 * _MARGIN,
        height=diagram.height + 2 * _MARGIN,
    )


def _pools(bodies: list[tuple[str, Diagram]]) -> Diagram:
    widest = max((diagram.width for _, diagram in bodies), default=0)
    width = max(BAND + 2 * _PADDING + widest, _LEAST_WIDTH)
    pools: dict[str, Bounds] = {}
    shapes: dict[str, Shape] = {}
    edges: dict[str, Edge] = {}
    top = _MARGIN
    for id, diagram in bodies:
        height = max(diagram.height + 2 * _PADDING, _LEAST_HEIGHT)
        pools[id] = Bounds(_MARGIN, top, width, height)
        inside = _moved(diagram, _MARGIN + BAND + _PADDING, top + (height - diagram.height) // 2)
        shapes |= inside[0]
        edges |= inside[1]
        top += height + _GAP
    return Diagram(
        shapes=shapes, edges=edges, pools=pools, width=width + 2 * _MARGIN, height=top - _GAP + _MARGIN
    )


def _moved(diagram: Diagram, dx: int, dy: int) -> tuple[dict[str, Shape], dict[str, Edge]]:
    shapes = {id: shape.moved(dx, dy) for id, shape in diagram.shapes.items()}
    return shapes, {id: edge.moved(dx, dy) for id, edge in diagram.edges.items()}
