"""Any process is drawn so that it can be read: nothing on top of anything else, lines around shapes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from procession.bpmn import lay_out
from procession.model import Body, FlowNode, Kind, Process, SequenceFlow
from tests.drawing import flaws

from . import blocks as b
from .modelling import processes_of
from .strategies import processes

_KINDS = (
    Kind.TASK,
    Kind.SERVICE_TASK,
    Kind.EXCLUSIVE_GATEWAY,
    Kind.PARALLEL_GATEWAY,
    Kind.CATCH_EVENT,
    Kind.END_EVENT,
    Kind.START_EVENT,
    Kind.SUB_PROCESS,
)
_names = st.sampled_from(
    (None, None, "yes", "Paid in advance?", "Zażółć gęślą jaźń " * 8, "x" * 120, "仕事を始める")
)


@given(block=processes(depth=3))
def test_block_structured_processes_are_drawn_without_flaws(block: b.Block) -> None:
    models = processes_of(block)

    assert flaws(models, lay_out(models)) == []


@st.composite
def graphs(draw: st.DrawFn, depth: int = 1) -> Body:
    """Nodes, boundary events on some of them, and any flows between them: cycles, loops, loose parts."""
    count = draw(st.integers(1, 9))
    nodes = [draw(_node(depth)) for _ in range(count)]
    hosts = [node.id for node in nodes if node.kind.is_activity]
    for host in hosts:
        for _ in range(draw(st.sampled_from((0, 0, 1, 3)))):
            event = FlowNode(id=_id(), kind=Kind.BOUNDARY_EVENT, attached_to=host, name=draw(_names))
            nodes.append(event)
    sources = st.sampled_from([node.id for node in nodes])
    targets = st.sampled_from([node.id for node in nodes[:count]])
    pairs = draw(st.lists(st.tuples(sources, targets, _names), max_size=20))
    flows = tuple(SequenceFlow(id=_id(), source=one, target=other, name=name) for one, other, name in pairs)
    return Body(nodes=tuple(nodes), flows=flows)


@st.composite
def _node(draw: st.DrawFn, depth: int) -> FlowNode:
    kind = draw(st.sampled_from(_KINDS))
    node = FlowNode(id=_id(), kind=kind, name=draw(_names))
    if kind is not Kind.SUB_PROCESS:
        return node
    return structs.replace(node, body=draw(graphs(depth - 1)) if depth else Body(nodes=(), flows=()))


_numbers = iter(range(10**9))


def _id() -> str:
    return f"id{next(_numbers)}"


@given(body=graphs())
def test_any_graph_is_drawn_without_flaws(body: Body) -> None:
    process = Process(id="p", body=body)

    assert flaws([process], lay_out([process])) == []
