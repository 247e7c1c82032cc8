"""What process classes of all kinds need to become BPMN."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import structs

from procession.model import Body, Expression, FlowNode, SequenceFlow


def flow(source: str, target: str, condition: str | None = None) -> SequenceFlow:
    """A sequence flow that is named after its ends."""
    return SequenceFlow(
        id=f"{source}-to-{target}",
        source=source,
        target=target,
        condition=None if condition is None else Expression(condition),
    )


def body(nodes: Iterable[FlowNode], flows: Sequence[SequenceFlow]) -> Body:
    """The nodes with the flows that come and go at each."""
    return Body(
        nodes=tuple(
            structs.replace(
                node,
                incoming=tuple(one.id for one in flows if one.target == node.id),
                outgoing=tuple(one.id for one in flows if one.source == node.id),
            )
            for node in nodes
        ),
        flows=tuple(flows),
    )
