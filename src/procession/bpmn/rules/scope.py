"""What a rule sees: one process or sub-process body, indexed."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from procession.model import Body, Fault, FlowNode, Kind, Process, SequenceFlow


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """One body with its nodes and flows by id."""

    resource: str
    owner: Process | FlowNode
    body: Body
    nodes: dict[str, FlowNode]
    flows: dict[str, SequenceFlow]
    everywhere: frozenset[str]
    """Ids of all nodes of the process, in whatever scope."""
    incomplete: frozenset[str]
    """Ids of elements that were refused while reading and miss a part, or are left out altogether."""

    @property
    def is_embedded(self) -> bool:
        return isinstance(self.owner, FlowNode)

    def of_kind(self, *kinds: Kind) -> Iterator[FlowNode]:
        """The nodes of these kinds, in document order."""
        return (node for node in self.body.nodes if node.kind in kinds)

    def fault(
        self,
        at: Process | FlowNode | SequenceFlow,
        message: str,
        line: int | None = None,
        *,
        warning: bool = False,
    ) -> Fault:
        """A fault of `at`, found on `line` or else on its own."""
        return Fault(
            resource=self.resource, element_id=at.id, line=line or at.line, message=message, warning=warning
        )


def scopes(process: Process, resource: str, incomplete: frozenset[str]) -> Iterator[Scope]:
    """The process's own scope, then those of its sub-processes, outer before inner."""
    owners = list(_owners(process))
    everywhere = frozenset(node.id for _, body in owners for node in body.nodes)
    for owner, body in owners:
        yield Scope(
            resource=resource,
            owner=owner,
            body=body,
            nodes={node.id: node for node in body.nodes},
            flows={flow.id: flow for flow in body.flows},
            everywhere=everywhere,
            incomplete=incomplete,
        )


def _owners(owner: Process | FlowNode) -> Iterator[tuple[Process | FlowNode, Body]]:
    if owner.body is None:
        return
    yield owner, owner.body
    for node in owner.body.nodes:
        yield from _owners(node)
