"""Pictures of processes as SVG."""

from __future__ import annotations

import pytest
from lxml import etree
from lxml.etree import _Element as Element

from procession.bpmn import draw
from procession.model import Body, Kind, MultiInstance, Process, SequenceFlow
from tests.everything import connected, everything, flow, node

SVG = "{http://www.w3.org/2000/svg}"


def groups(content: bytes) -> dict[str, Element]:
    """What is drawn, by the id of its element."""
    root = etree.fromstring(content)
    return {str(group.get("data-element-id")): group for group in root.iter(f"{SVG}g")}


def drawn(*kinds: Kind, name: str | None = None) -> dict[str, Element]:
    """The groups of nodes `n0`, `n1`, ... of these kinds."""
    nodes = [node(f"n{number}", kind, name) for number, kind in enumerate(kinds)]
    return groups(draw([Process(id="p", body=connected(nodes, []))]))


def shapes(group: Element) -> list[str]:
    return [str(part.get("d") or part.tag) for part in group]


def ids_of(body: Body) -> set[str]:
    inside = (ids_of(one.body) for one in body.nodes if one.body is not None)
    return {one.id for one in (*body.nodes, *body.flows)}.union(*inside)


def test_every_node_and_flow_is_drawn() -> None:
    models = everything("order")

    assert groups(draw(models)).keys() == {"order", "order-called"}.union(*(ids_of(p.body) for p in models))


def test_the_same_processes_make_the_same_picture() -> None:
    assert draw(everything("order")) == draw(everything("order"))


def test_the_picture_says_how_large_it_is() -> None:
    root = etree.fromstring(draw(everything("order")))

    assert root.get("viewBox") == f"0 0 {root.get('width')} {root.get('height')}"


def test_kinds_of_task_and_gateway_look_different() -> None:
    kinds = [kind for kind in Kind if (kind is not Kind.SEND_TASK and "Task" in kind) or "Gateway" in kind]

    looks = [tuple(shapes(group)) for group in drawn(*kinds).values()]

    assert len(set(looks)) == len(kinds)


def test_an_end_is_drawn_thick_and_a_non_interrupting_event_dashed() -> None:
    event = node("event", Kind.BOUNDARY_EVENT, attached_to="host", interrupting=False)
    nodes = [node("start", Kind.START_EVENT), node("end", Kind.END_EVENT), node("host", Kind.TASK), event]

    found = groups(draw([Process(id="p", body=connected(nodes, []))]))

    width = {id: found[id][0].get("stroke-width") for id in ("start", "end")}
    assert width == {"start": "2", "end": "4"}
    assert [circle.get("stroke-dasharray") for circle in found["event"].iter(f"{SVG}circle")] == ["6 4"] * 2


@pytest.mark.parametrize("sequential", [True, False])
def test_a_multi_instance_is_marked(sequential: bool) -> None:
    repeated = node("a", Kind.TASK, loop=MultiInstance(sequential=sequential, cardinality="3"))

    found = groups(draw([Process(id="p", body=connected([repeated, node("b", Kind.TASK)], []))]))

    assert len(found["a"]) == len(found["b"]) + 1


def test_a_default_flow_is_marked() -> None:
    nodes = [
        node("a", Kind.EXCLUSIVE_GATEWAY, default_flow="a_b"),
        node("b", Kind.TASK),
        node("c", Kind.TASK),
    ]

    found = groups(draw([Process(id="p", body=connected(nodes, [flow("a", "b"), flow("a", "c")]))]))

    assert (len(found["a_b"]), len(found["a_c"])) == (2, 1)


def test_names_are_broken_into_lines() -> None:
    lines = drawn(Kind.TASK, name="Ask the\nwarehouse for <everything>")["n0"].iter(f"{SVG}tspan")

    assert [line.text for line in lines] == ["Ask the", "warehouse for", "<everything>"]


def test_what_xml_cannot_carry_is_replaced() -> None:
    process = Process(
        id="p",
        body=Body(
            nodes=(node("a\0", Kind.TASK, "b\x1b"), node("c", Kind.TASK)),
            flows=(SequenceFlow(id="f", source="a\0", target="c"),),
        ),
    )

    found = groups(draw([process]))

    assert [line.text for line in found["a\N{REPLACEMENT CHARACTER}"].iter(f"{SVG}tspan")] == [
        "b\N{REPLACEMENT CHARACTER}"
    ]
