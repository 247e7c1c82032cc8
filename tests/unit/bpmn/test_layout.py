"""How processes are drawn: from left to right, straight where it can be, nothing on top of anything."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from procession.bpmn import Bounds, Diagram, Edge, Point, Shape, lay_out
from procession.model import Body, FlowNode, Kind, Process, SequenceFlow
from tests.drawing import flaws
from tests.everything import connected, everything, flow, node


def drawn(nodes: Iterable[FlowNode], flows: str, **names: str) -> Diagram:
    """The diagram of a process with flows like `a>b`; names of flows by `a_b`. It has no flaws."""
    pairs = [pair.split(">") for pair in flows.split()]
    lines = [flow(source, target, names.get(f"{source}_{target}")) for source, target in pairs]
    process = Process(id="p", body=connected(nodes, lines))
    diagram = lay_out([process])
    assert flaws([process], diagram) == []
    return diagram


def tasks(ids: str) -> list[FlowNode]:
    return [node(id, Kind.TASK) for id in ids.split()]


def middle(bounds: Bounds) -> Point:
    return Point(bounds.x + bounds.width // 2, bounds.y + bounds.height // 2)


def test_a_path_runs_straight_from_left_to_right() -> None:
    nodes = [node("s", Kind.START_EVENT), *tasks("a b"), node("e", Kind.END_EVENT)]

    diagram = drawn(nodes, "s>a a>b b>e")

    middles = [middle(diagram.shapes[one.id].bounds) for one in nodes]
    assert [point.y for point in middles] == [middles[0].y] * 4
    assert middles == sorted(middles, key=lambda point: point.x)
    assert all(len(edge.waypoints) == 2 for edge in diagram.edges.values())


def test_branches_lie_below_each_other_in_the_order_they_are_drawn() -> None:
    fork, join = node("fork", Kind.PARALLEL_GATEWAY), node("join", Kind.PARALLEL_GATEWAY)

    diagram = drawn([fork, *tasks("a b c"), join], "fork>a fork>b fork>c a>join b>join c>join")

    heights = [diagram.shapes[id].bounds.y for id in ("a", "b", "c")]
    assert heights == sorted(heights)
    assert len(set(heights)) == 3


def test_lines_leave_and_enter_gateways_by_their_tips() -> None:
    fork, join = node("fork", Kind.EXCLUSIVE_GATEWAY), node("join", Kind.EXCLUSIVE_GATEWAY)

    diagram = drawn([fork, *tasks("a b"), join], "fork>a fork>b a>join b>join")

    below = middle(diagram.shapes["b"].bounds).y
    left, right = (diagram.shapes[id].bounds for id in ("fork", "join"))
    assert diagram.edges["fork_b"].waypoints == (
        Point(middle(left).x, left.bottom),
        Point(middle(left).x, below),
        Point(diagram.shapes["b"].bounds.x, below),
    )
    assert diagram.edges["b_join"].waypoints == (
        Point(diagram.shapes["b"].bounds.right, below),
        Point(middle(right).x, below),
        Point(middle(right).x, right.bottom),
    )


def test_the_shorter_way_past_a_step_runs_below_it() -> None:
    nodes = [*tasks("a b c"), node("fork", Kind.EXCLUSIVE_GATEWAY)]

    diagram = drawn(nodes, "fork>c fork>a a>b b>c")

    line = {middle(diagram.shapes[id].bounds).y for id in ("fork", "a", "b", "c")}
    assert len(line) == 1
    assert max(point.y for point in diagram.edges["fork_c"].waypoints) > diagram.shapes["a"].bounds.bottom


def test_a_loop_goes_back_over_what_it_repeats() -> None:
    nodes = [node("top", Kind.EXCLUSIVE_GATEWAY), *tasks("a b c"), node("again", Kind.EXCLUSIVE_GATEWAY)]

    diagram = drawn(nodes, "top>a a>b b>again again>c again>top", again_top="not yet")

    points = diagram.edges["again_top"].waypoints
    top, again = diagram.shapes["top"].bounds, diagram.shapes["again"].bounds
    assert (points[0], points[-1]) == (Point(middle(again).x, again.y), Point(middle(top).x, top.y))
    assert min(point.y for point in points) < diagram.shapes["a"].bounds.y


def test_loops_around_each_other_take_the_nearer_side() -> None:
    diagram = drawn(tasks("a b c d"), "a>b b>c c>d c>b d>a")

    inner, outer = diagram.edges["c_b"].waypoints, diagram.edges["d_a"].waypoints
    assert min(point.y for point in inner) < diagram.shapes["b"].bounds.y
    assert max(point.y for point in outer) > diagram.shapes["b"].bounds.bottom


def test_a_step_that_repeats_itself_has_its_loop_around_it() -> None:
    diagram = drawn(tasks("a"), "a>a")

    points = diagram.edges["a_a"].waypoints
    box = diagram.shapes["a"].bounds
    assert (points[0].x, points[-1].x) == (box.right, box.x)


def test_boundary_events_sit_on_the_lower_edge_with_their_branches_below() -> None:
    host, handler, after = tasks("host handler after")
    event = node("late", Kind.BOUNDARY_EVENT, attached_to="host")

    diagram = drawn([host, after, handler, event], "host>after late>handler")

    box, circle = diagram.shapes["host"].bounds, diagram.shapes["late"].bounds
    assert middle(circle).y == box.bottom
    assert middle(diagram.shapes["after"].bounds).y == middle(box).y
    line = middle(diagram.shapes["handler"].bounds).y
    assert diagram.edges["late_handler"].waypoints[:2] == (
        Point(middle(circle).x, circle.bottom),
        Point(middle(circle).x, line),
    )


def test_an_activity_is_wide_enough_for_its_boundary_events() -> None:
    events = [node(f"e{n}", Kind.BOUNDARY_EVENT, "On the way", attached_to="host") for n in range(5)]

    diagram = drawn([*tasks("host"), *events], "")

    box = diagram.shapes["host"].bounds
    assert all(box.x <= diagram.shapes[event.id].bounds.x for event in events)
    assert all(diagram.shapes[event.id].bounds.right <= box.right for event in events)


def test_a_sub_process_is_drawn_around_its_contents_on_one_line_with_them() -> None:
    inside = connected([node("s", Kind.START_EVENT), *tasks("a b")], [flow("s", "a"), flow("s", "b")])
    box = node("box", Kind.SUB_PROCESS, "Both at once", body=inside)

    diagram = drawn([*tasks("before after"), box], "before>box box>after")

    frame = diagram.shapes["box"].bounds
    for id in ("s", "a", "b"):
        assert frame.x < diagram.shapes[id].bounds.x
        assert diagram.shapes[id].bounds.bottom < frame.bottom
    assert middle(diagram.shapes["s"].bounds).y == middle(diagram.shapes["before"].bounds).y
    assert len(diagram.edges["before_box"].waypoints) == 2


def test_names_stand_beside_events_gateways_and_flows() -> None:
    nodes = [
        node("s", Kind.START_EVENT, "Order placed"),
        node("fork", Kind.EXCLUSIVE_GATEWAY, "Paid?"),
        *tasks("a b"),
    ]

    diagram = drawn(nodes, "s>fork fork>a fork>b", fork_b="no, not yet")

    event, gateway = diagram.shapes["s"], diagram.shapes["fork"]
    assert event.label is not None
    assert event.label.y > event.bounds.bottom
    assert gateway.label is not None
    assert gateway.label.bottom <= gateway.bounds.y
    edge = diagram.edges["fork_b"]
    assert edge.label is not None
    assert edge.label.bottom < edge.waypoints[-1].y
    assert diagram.edges["fork_a"].label is None


def test_a_task_grows_with_its_name() -> None:
    short = node("short", Kind.TASK, "Pack")
    long = node("long", Kind.TASK, "Ask the warehouse for everything that this customer was promised")

    diagram = drawn([short, long], "short>long")

    assert diagram.shapes["short"].bounds.width < diagram.shapes["long"].bounds.width


def test_many_ways_to_one_end_run_on_one_line() -> None:
    steps = tasks("a b c d e f")
    events = [node(f"{step.id}x", Kind.BOUNDARY_EVENT, attached_to=step.id) for step in steps]
    end = node("failed", Kind.END_EVENT)

    diagram = drawn(
        [*steps, *events, end], "a>b b>c c>d d>e e>f " + " ".join(f"{e.id}>failed" for e in events)
    )

    lines = {middle(diagram.shapes["failed"].bounds).y}
    for event in events:
        points = diagram.edges[f"{event.id}_failed"].waypoints
        assert len(points) == 3
        lines.add(points[1].y)
    assert len(lines) == 1


def test_several_processes_are_drawn_as_pools_below_each_other() -> None:
    models = everything("order")

    diagram = lay_out(models)

    assert flaws(models, diagram) == []
    first, second = (diagram.pools[process.id] for process in models)
    assert (first.x, first.width) == (second.x, second.width)
    assert first.bottom < second.y


def test_flows_and_events_that_hang_in_the_air_do_no_harm() -> None:
    loose = node("loose", Kind.BOUNDARY_EVENT, attached_to="nobody")
    body = Body(nodes=(*tasks("a"), loose), flows=(flow("a", "nowhere"), flow("nobody", "a")))

    diagram = lay_out([Process(id="p", body=body)])

    assert diagram.shapes.keys() == {"a", "loose"}
    assert diagram.edges == {}


def test_nothing_is_drawn_of_nothing() -> None:
    assert lay_out([]).shapes == {}
    assert lay_out([Process(id="p", body=Body(nodes=(), flows=()))]).shapes == {}


def steps(count: int) -> Process:
    """Each may fail, jump over three, and go back ten."""
    nodes = tasks(" ".join(f"t{n}" for n in range(count)))
    flows = [flow(f"t{n}", f"t{n + 1}") for n in range(count - 1)]
    flows += [flow(f"t{n}", f"t{n + 3}", "skip") for n in range(0, count - 3, 7)]
    flows += [flow(f"t{n}", f"t{n - 10}") for n in range(10, count, 11)]
    nodes.append(node("failed", Kind.END_EVENT))
    for n in range(count):
        nodes.append(node(f"x{n}", Kind.BOUNDARY_EVENT, attached_to=f"t{n}"))
        flows.append(flow(f"x{n}", "failed"))
    return Process(id="p", body=connected(nodes, flows))


def test_a_process_of_hundreds_of_steps_is_drawn_without_flaws() -> None:
    process = steps(300)

    assert flaws([process], lay_out([process])) == []


def calls_made(action: Callable[[], Any]) -> int:
    """How many functions are called, Python's own included: a measure of work that no load disturbs."""
    count = 0

    def counting(frame: Any, event: str, argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(counting)
    try:
        action()
    finally:
        sys.setprofile(before)
    return count


def test_the_work_grows_with_the_number_of_steps_and_not_faster() -> None:
    small, large = steps(200), steps(800)

    ratio = calls_made(lambda: lay_out([large])) / calls_made(lambda: lay_out([small]))

    assert ratio < 6


FAULTY = {
    "b overlaps a": Diagram(
        shapes={"a": Shape(Bounds(0, 0, 100, 80)), "b": Shape(Bounds(50, 0, 100, 80))},
        edges={"a_b": Edge((Point(100, 40), Point(100, 60), Point(50, 60)))},
        width=200,
        height=100,
    ),
    "a_b is slanted from Point(x=100, y=40) to Point(x=200, y=50)": Diagram(
        shapes={"a": Shape(Bounds(0, 0, 100, 80)), "b": Shape(Bounds(200, 0, 100, 80))},
        edges={"a_b": Edge((Point(100, 40), Point(200, 50)))},
        width=300,
        height=100,
    ),
    "a_b runs through b from Point(x=100, y=40) to Point(x=300, y=40)": Diagram(
        shapes={"a": Shape(Bounds(0, 0, 100, 80)), "b": Shape(Bounds(200, 0, 100, 80))},
        edges={"a_b": Edge((Point(100, 40), Point(300, 40)))},
        width=300,
        height=100,
    ),
    "a_b does not end on the border of b": Diagram(
        shapes={"a": Shape(Bounds(0, 0, 100, 80)), "b": Shape(Bounds(200, 0, 100, 80))},
        edges={"a_b": Edge((Point(100, 40), Point(150, 40)))},
        width=300,
        height=100,
    ),
    "b is not inside Bounds(x=0, y=0, width=250, height=100)": Diagram(
        shapes={"a": Shape(Bounds(0, 0, 100, 80)), "b": Shape(Bounds(200, 0, 100, 80))},
        edges={"a_b": Edge((Point(100, 40), Point(200, 40)))},
        width=250,
        height=100,
    ),
}


@pytest.mark.parametrize("flaw", FAULTY)
def test_a_flaw_would_be_found(flaw: str) -> None:
    process = Process(
        id="p",
        body=Body(nodes=tuple(tasks("a b")), flows=(SequenceFlow(id="a_b", source="a", target="b"),)),
    )

    assert flaw in flaws([process], FAULTY[flaw])
