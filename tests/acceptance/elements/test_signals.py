"""Signals (BPMN 2.0 section 10.5.5; spec/engine.md section 6): everybody who waits hears, nothing is kept."""

from itertools import pairwise

import pytest

from procession import DeploymentRejected
from procession.testing import ProcessTester
from tests.building import (
    boundary,
    bpmn,
    call,
    catch,
    each,
    element,
    end,
    gateway,
    inputs,
    io,
    job,
    message,
    on_duration,
    on_message,
    on_signal,
    outputs,
    signal,
    start,
    sub,
    throw,
)

NEWS = signal("news")


def listener(id: str = "listener", *, mappings: str = "", definitions: str = NEWS) -> bytes:
    body = start() + catch("c", on_signal("news"), io=mappings) + job("t")
    return bpmn(body, "s>c c>t", id=id, definitions=definitions)


def thrower(*, mappings: str = "", definitions: str = NEWS) -> bytes:
    body = start() + throw("th", on_signal("news"), io=mappings) + end()
    return bpmn(body, "s>th th>e", id="thrower", definitions=definitions)


# --- catching ---------------------------------------------------------------------------------------


def test_an_instance_waits_for_a_signal_and_shows_it(process: ProcessTester) -> None:
    process.deploy(listener())
    process.start("listener")
    process.assert_waits_at("c")
    (place,) = process.detail.waiting
    assert place.reason == "signal news"


def test_everybody_who_waits_hears_and_gets_the_variables(process: ProcessTester) -> None:
    process.deploy(listener("a"), listener("b"))
    instances = [process.start("a"), process.start("a"), process.start("b")]
    assert process.broadcast("news", {"x": 5}) > 0
    for instance in instances:
        detail = process.of(instance.key).detail
        assert [place.element_id for place in detail.waiting] == ["t"]
        assert detail.variables == {"x": 5}


def test_who_waits_for_another_name_does_not_hear(process: ProcessTester) -> None:
    process.deploy(listener())
    process.start("listener")
    process.broadcast("olds")
    process.assert_waits_at("c")


def test_a_signal_is_not_kept_for_those_who_come_later(process: ProcessTester) -> None:
    process.deploy(listener())
    process.broadcast("news")
    process.start("listener")
    process.assert_waits_at("c")
    process.broadcast("news")
    process.assert_waits_at("t")


def test_output_mappings_say_what_of_a_signal_goes_on(process: ProcessTester) -> None:
    process.deploy(listener(mappings=io(outputs(o="=v"))))
    process.start("listener")
    process.broadcast("news", {"v": 1, "z": 2})
    assert process.variables == {"o": 1}


def test_the_name_may_be_an_expression(process: ProcessTester) -> None:
    process.deploy(listener(mappings=io(inputs(n="=p")), definitions=signal("=n", id="news")))
    process.start("listener", {"p": "alarm"})
    process.broadcast("alarm")
    process.assert_waits_at("t")


@pytest.mark.parametrize("name", [None, 5])
def test_a_caught_name_that_is_no_text_is_an_incident(process: ProcessTester, name: object) -> None:
    process.deploy(listener(definitions=signal("=n", id="news")))
    process.start("listener", {"n": name})
    process.assert_incident("EXTRACT_VALUE_ERROR", at="c")
    process.set_variables({"n": "news"})
    process.resolve_incident()
    process.broadcast("news")
    process.assert_waits_at("t")


# --- boundary events --------------------------------------------------------------------------------


def hosted(*, interrupting: bool, inner: str = "") -> bytes:
    body = start() + job("h", inner=inner) + job("n") + end()
    body += boundary("b", "h", on_signal("news"), interrupting=interrupting)
    return bpmn(body, "s>h h>e b>n", definitions=NEWS)


def test_an_interrupting_boundary_event_ends_its_host(process: ProcessTester) -> None:
    process.deploy(hosted(interrupting=True))
    process.start("p")
    process.broadcast("news", {"v": 1})
    process.assert_waits_at("n")
    process.broadcast("news")
    process.complete_job("n")
    process.assert_completed()
    assert process.variables == {"v": 1}


def test_a_boundary_event_that_interrupts_nothing_hears_each_signal(process: ProcessTester) -> None:
    process.deploy(hosted(interrupting=False))
    process.start("p")
    process.broadcast("news")
    process.broadcast("news")
    process.assert_waits_at("h", "n", "n")
    process.complete_job("h")
    process.broadcast("news")
    process.assert_waits_at("n", "n")


def test_a_host_that_loops_hears_once(process: ProcessTester) -> None:
    process.deploy(hosted(interrupting=False, inner=each("=[1,2,3]")))
    process.start("p")
    process.broadcast("news")
    process.complete_job("n")
    process.assert_passed("b", "n")
    assert [step.element_id for step in process.detail.path].count("b") == 1


def test_a_host_that_is_done_hears_nothing(process: ProcessTester) -> None:
    process.deploy(hosted(interrupting=True))
    process.start("p")
    process.complete_job("h")
    process.broadcast("news")
    process.assert_not_passed("b")
    process.assert_completed()


# --- after an event-based gateway -------------------------------------------------------------------


def test_the_first_of_a_gateways_events_decides(process: ProcessTester) -> None:
    body = start() + gateway("eventBased", "g") + job("t") + job("u") + job("v")
    body += catch("a", on_signal("news")) + catch("b", on_signal("olds")) + catch("late", on_duration("P1D"))
    flows = "s>g g>a g>b g>late a>t b>u late>v"
    process.deploy(bpmn(body, flows, definitions=NEWS + signal("olds")))
    process.start("p")
    process.assert_waits_at("g")
    process.broadcast("olds", {"v": 1})
    process.broadcast("news")
    process.assert_waits_at("u")
    assert process.variables == {"v": 1}


# --- start events -----------------------------------------------------------------------------------


def begun(*tasks: str, name: str = "news", mappings: str = "") -> bytes:
    steps = ["s", *tasks]
    flows = " ".join(f"{a}>{b}" for a, b in pairwise(steps))
    begin = element("startEvent", "s", on_signal(name), extensions=mappings)
    return bpmn(begin + "".join(job(task) for task in tasks), flows, definitions=signal(name))


def active(process: ProcessTester) -> list[tuple[str, int]]:
    return [(one.process_id, one.version) for one in process.app.instances(limit=100)]


def test_a_signal_starts_every_process_that_begins_with_it(process: ProcessTester) -> None:
    other = begun("u").replace(b'id="p"', b'id="q"')
    process.deploy(begun("t"), other)
    process.broadcast("news", {"a": 1})
    assert sorted(active(process)) == [("p", 1), ("q", 1)]
    (one,) = process.app.instances(process_id="p")
    assert process.of(one.key).variables == {"a": 1}


def test_only_the_latest_version_begins(process: ProcessTester) -> None:
    process.deploy(begun("t"))
    process.deploy(begun("t", "u"))
    process.broadcast("news")
    assert active(process) == [("p", 2)]


def test_a_version_that_begins_otherwise_ends_the_old_ones_start(process: ProcessTester) -> None:
    process.deploy(begun("t"))
    process.deploy(begun("t", name="olds"))
    process.broadcast("news")
    assert active(process) == []
    process.broadcast("olds")
    assert active(process) == [("p", 2)]


def test_the_name_of_a_start_may_be_a_constant_expression(process: ProcessTester) -> None:
    begin = start("s", on_signal("x")) + job("t")
    process.deploy(bpmn(begin, "s>t", definitions=signal('="ne" + "ws"', id="x")))
    process.broadcast("news")
    assert active(process) == [("p", 1)]


def test_several_kinds_of_start_live_side_by_side(process: ProcessTester) -> None:
    body = start("s", on_signal("news")) + start("r", on_signal("olds")) + start("n") + job("t")
    process.deploy(bpmn(body, "s>t r>t n>t", definitions=NEWS + signal("olds")))
    process.broadcast("olds")
    process.start("p")
    assert len(active(process)) == 2


# --- throwing ---------------------------------------------------------------------------------------


def test_a_thrown_signal_carries_what_its_input_mappings_made(process: ProcessTester) -> None:
    sent = io(inputs(q="=p + 1", a__b="=1", k="const", none="=missing") + outputs(out="=q"))
    process.deploy(listener(), thrower(mappings=sent))
    waiting = process.start("listener")
    process.start("thrower", {"p": 1})
    process.assert_completed()
    assert process.variables == {"p": 1, "out": 2}
    assert process.of(waiting.key).detail.variables == {
        "q": 2,
        "a": {"b": 1},
        "k": "const",
        "none": None,
    }


def test_without_input_mappings_a_thrown_signal_carries_nothing(process: ProcessTester) -> None:
    process.deploy(listener(), thrower())
    waiting = process.start("listener")
    process.start("thrower", {"p": 1})
    detail = process.of(waiting.key).detail
    assert ([place.element_id for place in detail.waiting], detail.variables) == (["t"], {})


def test_an_end_event_throws_too(process: ProcessTester) -> None:
    body = start() + end("e", on_signal("news"), io=io(inputs(q="=p")))
    ends = bpmn(body, "s>e", id="thrower", definitions=NEWS)
    process.deploy(listener(), ends)
    waiting = process.start("listener")
    process.start("thrower", {"p": 1})
    process.assert_completed()
    assert process.of(waiting.key).detail.variables == {"q": 1}


def test_output_mappings_say_what_of_a_signal_that_starts_goes_on(process: ProcessTester) -> None:
    begun = element("startEvent", "s", on_signal("news"), extensions=io(outputs(double="=v * 2", w="=w")))
    process.deploy(bpmn(begun + job("t"), "s>t", definitions=NEWS))
    process.broadcast("news", {"v": 1, "w": 2, "z": 3})
    (begun_instance,) = process.app.instances()
    detail = process.of(begun_instance.key).detail
    assert ([place.element_id for place in detail.waiting], detail.variables) == (
        ["t"],
        {"double": 2, "w": 2},
    )


def test_a_thrown_signal_starts_processes(process: ProcessTester) -> None:
    process.deploy(thrower(), begun("t"))
    process.start("thrower")
    assert ("p", 1) in active(process)


def test_who_throws_and_then_waits_does_not_hear_itself(process: ProcessTester) -> None:
    body = start() + throw("th", on_signal("news")) + catch("c", on_signal("news"))
    process.deploy(bpmn(body, "s>th th>c", definitions=NEWS))
    process.start("p")
    process.assert_waits_at("c")


def test_who_waits_beside_the_thrower_hears(process: ProcessTester) -> None:
    body = start() + gateway("parallel", "g") + catch("c", on_signal("news")) + throw("th", on_signal("news"))
    process.deploy(bpmn(body + job("t"), "s>g g>c g>th c>t", definitions=NEWS))
    process.start("p")
    process.assert_waits_at("t")


@pytest.mark.parametrize("interrupting", [True, False])
def test_what_the_thrower_stands_in_hears_before_it_ends(process: ProcessTester, interrupting: bool) -> None:
    inside = start("i") + end("th", on_signal("news"))
    body = start() + sub("sub", inside, "i>th") + job("after") + job("o")
    body += boundary("b", "sub", on_signal("news"), interrupting=interrupting)
    process.deploy(bpmn(body, "s>sub sub>after b>o", definitions=NEWS))
    process.start("p")
    process.assert_waits_at(*(["o"] if interrupting else ["o", "after"]))


def test_a_caller_hears_what_the_called_process_throws(process: ProcessTester) -> None:
    body = start() + call("called", "thrower") + job("after") + job("o")
    body += boundary("b", "called", on_signal("news"))
    calls = bpmn(body, "s>called called>after b>o", definitions=NEWS)
    process.deploy(calls, thrower())
    process.start("p")
    process.assert_waits_at("o")


@pytest.mark.parametrize("name", [None, 5, ""])
def test_a_thrown_name_that_is_no_text_is_an_incident(process: ProcessTester, name: object) -> None:
    process.deploy(thrower(definitions=signal("=n", id="news")), listener())
    waiting = process.start("listener")
    process.start("thrower", {"n": name})
    process.assert_incident("EXTRACT_VALUE_ERROR", at="th")
    process.set_variables({"n": "news"})
    process.resolve_incident()
    process.assert_completed()
    assert [one.element_id for one in process.of(waiting.key).detail.waiting] == ["t"]


# --- what is refused --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "flows", "definitions", "complaint"),
    [
        (start() + throw("x", on_signal("")), "s>x", "", "x.*needs a signalRef"),
        (start() + catch("x", on_signal("no")), "s>x", "", "x.*no signal of this file"),
        (start() + catch("x", on_signal("n")), "s>x", signal("", id="n"), "x.*its signal has no name"),
        (start("x", on_signal("n")), "", signal("=v", id="n"), "x.*must be a constant text"),
        (start("x", on_signal("n")), "", signal("=1", id="n"), "x.*must be a constant text"),
        (start("x", on_signal("n")), "", signal("=1 +", id="n"), "x.*FEEL"),
        (start() + catch("x", on_signal("n")), "s>x", signal("=1 +", id="n"), "x.*FEEL"),
        (
            start("s", on_signal("n")) + start("x", on_signal("m")),
            "",
            signal("n") + signal("n", id="m"),
            "x.*starts on signal 'n' already",
        ),
        (
            start() + job("h") + boundary("b", "h", on_signal("n")) + boundary("x", "h", on_signal("n")),
            "s>h",
            signal("n"),
            "x.*catches signal 'n' already",
        ),
        (
            start() + gateway("eventBased", "g") + catch("a", on_signal("n")) + catch("x", on_signal("n")),
            "s>g g>a g>x",
            signal("n"),
            "x.*waits for signal 'n' already",
        ),
        (
            start() + sub("sub", start("x", on_signal("n"))),
            "s>sub",
            signal("n"),
            "x.*make this a none start event",
        ),
    ],
)
def test_faults_name_the_element(
    process: ProcessTester, body: str, flows: str, definitions: str, complaint: str
) -> None:
    with pytest.raises(DeploymentRejected, match=complaint):
        process.deploy(bpmn(body, flows, definitions=definitions))


def test_a_message_and_a_signal_of_one_name_are_different(process: ProcessTester) -> None:
    body = start() + gateway("eventBased", "g") + catch("a", on_message("m")) + catch("b", on_signal("n"))
    process.deploy(bpmn(body, "s>g g>a g>b", definitions=message("m") + signal("m", id="n")))
    process.start("p", {"key": "k"})
    process.broadcast("m")
    process.assert_passed("b")
