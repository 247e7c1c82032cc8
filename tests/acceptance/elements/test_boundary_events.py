"""Boundary events (BPMN 2.0 section 10.5.6): what may happen while an activity is active."""

from datetime import timedelta

import pytest

from procession.testing import ProcessTester
from tests.building import (
    boundary,
    bpmn,
    call,
    catch,
    connect,
    each,
    element,
    end,
    error,
    file,
    flow,
    gateway,
    inputs,
    io,
    job,
    message,
    on_cycle,
    on_duration,
    on_error,
    on_message,
    outputs,
    receive,
    start,
    sub,
)
from tests.building import process as process_of

DAY = timedelta(days=1)


def with_boundary(
    event: str, *, interrupting: bool = True, host: str = "", more: str = "", io: str = ""
) -> bytes:
    """`t` (a job unless given as `host`) with the boundary event `b`, which leads to `x`."""
    body = start() + (host or job("t")) + end() + boundary("b", "t", event, interrupting=interrupting, io=io)
    definitions = message("ping") + error("BAD") + error("OTHER")
    return bpmn(body + element("task", "x") + more, "s>t t>e b>x", definitions=definitions)


def passes(process: ProcessTester, element_id: str) -> int:
    return [step.element_id for step in process.detail.path].count(element_id)


HOSTS = {
    "job": job("t"),
    "receive task": receive("t", "never"),
    "sub-process": sub("t", start("is") + job("i") + catch("c", on_duration("P9D")), "is>i is>c"),
}


@pytest.mark.parametrize("host", HOSTS.values(), ids=HOSTS.keys())
class TestInterrupting:
    def deploy(self, process: ProcessTester, event: str, host: str) -> None:
        body = start() + host + end() + boundary("b", "t", event) + element("task", "x")
        definitions = message("ping") + message("never")
        process.deploy(bpmn(body, "s>t t>e b>x", definitions=definitions))

    def test_a_timer_ends_the_activity_and_takes_its_own_path(
        self, process: ProcessTester, host: str
    ) -> None:
        self.deploy(process, on_duration("P1D"), host)
        process.start("p", {"key": "A"})
        process.advance(DAY)
        process.assert_passed("s", "b", "x")
        process.assert_not_passed("t", "e")
        process.assert_completed()
        assert process.jobs == []

    def test_a_message_ends_the_activity(self, process: ProcessTester, host: str) -> None:
        self.deploy(process, on_message("ping"), host)
        process.start("p", {"key": "A"})
        process.publish("ping", "A", {"answer": 42})
        process.assert_passed("b", "x")
        process.assert_completed()
        assert process.variables == {"key": "A", "answer": 42}


@pytest.mark.parametrize("event", [on_duration("P1D"), on_message("ping"), on_error("BAD")])
def test_an_event_that_does_not_happen_is_gone_with_its_activity(process: ProcessTester, event: str) -> None:
    # Given an activity that was completed
    process.deploy(with_boundary(event, more=job("after")).replace(b'targetRef="e"', b'targetRef="after"'))
    process.start("p", {"key": "A"})
    process.complete_job("t")
    # When the time comes and the message too
    process.advance(2 * DAY)
    process.publish("ping", "A")
    # Then nothing happens
    process.assert_waits_at("after")
    process.assert_not_passed("b", "x")


def test_a_non_interrupting_timer_leaves_the_activity_alone(process: ProcessTester) -> None:
    process.deploy(with_boundary(on_duration("P1D"), interrupting=False))
    process.start("p")
    process.advance(3 * DAY)
    process.assert_passed("b", "x")
    assert passes(process, "x") == 1
    process.complete_job("t")
    process.assert_passed("t", "e")
    process.assert_completed()


def test_a_non_interrupting_cycle_happens_as_often_as_it_says(process: ProcessTester) -> None:
    process.deploy(with_boundary(on_cycle("R3/P1D"), interrupting=False))
    process.start("p")
    process.advance(2 * DAY)
    assert passes(process, "x") == 2
    process.advance(5 * DAY)
    assert passes(process, "x") == 3
    process.complete_job("t")
    process.assert_completed()


def test_an_endless_cycle_ends_with_its_activity(process: ProcessTester) -> None:
    process.deploy(with_boundary(on_cycle("R/P1D"), interrupting=False))
    process.start("p")
    process.advance(4 * DAY)
    process.complete_job("t")
    process.advance(4 * DAY)
    assert passes(process, "x") == 4
    process.assert_completed()


def test_a_non_interrupting_message_may_come_again_and_again(process: ProcessTester) -> None:
    process.deploy(with_boundary(on_message("ping"), interrupting=False))
    process.start("p", {"key": "A"})
    process.publish("ping", "A", {"n": 1})
    process.publish("ping", "A", {"n": 2})
    assert passes(process, "x") == 2
    assert process.variables["n"] == 2
    process.complete_job("t")
    process.assert_completed()


def test_a_non_interrupting_message_event_takes_all_that_came_before(process: ProcessTester) -> None:
    process.deploy(with_boundary(on_message("ping"), interrupting=False))
    for number in range(3):
        process.publish("ping", "A", {"n": number}, ttl=DAY)
    process.start("p", {"key": "A"})
    assert passes(process, "x") == 3
    assert process.variables["n"] == 2
    process.complete_job("t")
    process.assert_completed()


def test_an_interrupting_message_event_leaves_the_others_for_later(process: ProcessTester) -> None:
    process.deploy(with_boundary(on_message("ping")))
    process.publish("ping", "A", {"n": 1}, ttl=DAY)
    process.publish("ping", "A", {"n": 2}, ttl=DAY)
    for number in (1, 2):
        process.start("p", {"key": "A"})
        assert process.variables["n"] == number
        process.assert_completed()


def test_the_instance_waits_for_the_path_of_a_non_interrupting_event(process: ProcessTester) -> None:
    body = start() + job("t") + end() + boundary("b", "t", on_duration("P1D"), interrupting=False) + job("x")
    process.deploy(bpmn(body, "s>t t>e b>x"))
    process.start("p")
    process.advance(DAY)
    process.complete_job("t")
    process.assert_waits_at("x")
    process.complete_job("x")
    process.assert_completed()


def test_output_mappings_of_a_message_event_let_only_their_targets_through(process: ProcessTester) -> None:
    process.deploy(with_boundary(on_message("ping"), io=io(outputs(got="=answer"))))
    process.start("p", {"key": "A"})
    process.publish("ping", "A", {"answer": 42, "noise": 1})
    assert process.variables == {"key": "A", "got": 42}


def test_its_time_may_depend_on_an_input_mapping_of_the_activity(process: ProcessTester) -> None:
    host = job("t", mappings=inputs(patience="=days"))
    process.deploy(with_boundary(on_duration("=duration(patience)"), host=host))
    process.start("p", {"days": "P3D"})
    process.advance(2 * DAY)
    process.assert_waits_at("t")
    process.advance(DAY)
    process.assert_passed("b")


def test_a_time_that_cannot_be_evaluated_holds_the_activity_as_an_incident(process: ProcessTester) -> None:
    process.deploy(with_boundary(on_duration("=duration(patience)")))
    process.start("p")
    process.assert_incident("EXTRACT_VALUE_ERROR", at="t")
    assert process.jobs == []
    process.set_variables({"patience": "P1D"})
    process.resolve_incident()
    assert len(process.jobs) == 1
    process.advance(DAY)
    process.assert_passed("b")


def test_a_timer_interrupts_an_activity_that_has_an_incident(process: ProcessTester) -> None:
    process.deploy(with_boundary(on_duration("P1D")))
    process.start("p")
    process.fail_job("t", retries=0)
    process.assert_incident("JOB_NO_RETRIES")
    process.advance(DAY)
    process.assert_passed("b", "x")
    process.assert_no_incident()
    process.assert_completed()


class TestErrors:
    def test_an_error_with_its_code_is_caught(self, process: ProcessTester) -> None:
        process.deploy(with_boundary(on_error("BAD")))
        process.start("p")
        process.throw_error("BAD")
        process.assert_passed("b", "x")
        process.assert_not_passed("t")
        process.assert_completed()

    def test_another_code_is_not_caught(self, process: ProcessTester) -> None:
        process.deploy(with_boundary(on_error("BAD")))
        process.start("p")
        process.throw_error("WORSE")
        process.assert_incident("UNHANDLED_ERROR_EVENT", at="t")
        process.assert_not_passed("b")

    def test_an_event_without_code_catches_every_error(self, process: ProcessTester) -> None:
        process.deploy(with_boundary(on_error()))
        process.start("p")
        process.throw_error("WHATEVER")
        process.assert_passed("b")

    def test_in_one_scope_the_exact_code_beats_the_catch_all(self, process: ProcessTester) -> None:
        more = boundary("exact", "t", on_error("BAD"))
        process.deploy(with_boundary(on_error(), more=more))
        process.start("p")
        process.throw_error("BAD")
        process.assert_passed("exact")
        process.assert_not_passed("b")

    def test_an_inner_catch_all_beats_an_outer_exact_code(self, process: ProcessTester) -> None:
        inner = start("is") + job("i") + boundary("inner", "i", on_error())
        process.deploy(with_boundary(on_error("BAD"), host=sub("t", inner, "is>i")))
        process.start("p")
        process.throw_error("BAD")
        process.assert_passed("t", "inner", "e")
        process.assert_not_passed("b")

    def test_an_error_leaves_scopes_until_it_is_caught(self, process: ProcessTester) -> None:
        # Given a job two scopes below the boundary event, beside another one
        deep = sub("deep", start("ds") + job("i") + job("other"), "ds>i ds>other")
        process.deploy(with_boundary(on_error("BAD"), host=sub("t", start("is") + deep, "is>deep")))
        process.start("p")
        # When it throws
        process.throw_error("BAD", job="i")
        # Then everything inside has ended
        process.assert_passed("b", "x")
        process.assert_completed()
        assert process.jobs == []

    def test_error_variables_stay_local_to_the_event(self, process: ProcessTester) -> None:
        process.deploy(with_boundary(on_error("BAD")))
        process.start("p")
        process.throw_error("BAD", variables={"reason": "broke"})
        process.assert_completed()
        assert process.variables == {}

    def test_output_mappings_let_error_variables_out(self, process: ProcessTester) -> None:
        process.deploy(with_boundary(on_error("BAD"), io=io(outputs(why="=reason"))))
        process.start("p")
        process.throw_error("BAD", variables={"reason": "broke"})
        assert process.variables == {"why": "broke"}

    def test_an_error_end_event_is_caught_on_its_sub_process(self, process: ProcessTester) -> None:
        inner = start("is") + end("ie", on_error("BAD")) + job("other")
        process.deploy(with_boundary(on_error("BAD"), host=sub("t", inner, "is>ie is>other")))
        process.start("p")
        process.assert_passed("b", "x")
        process.assert_completed()

    def test_of_two_errors_at_once_one_is_caught(self, process: ProcessTester) -> None:
        # Given a sub-process in which two error end events are reached in one go
        inner = (
            start("is") + gateway("parallel", "f") + end("e1", on_error("BAD")) + end("e2", on_error("BAD"))
        )
        process.deploy(with_boundary(on_error("BAD"), host=sub("t", inner, "is>f f>e1 f>e2")))
        process.start("p")
        # Then its path is taken once, and the instance ends
        assert passes(process, "x") == 1
        process.assert_completed()

    def test_an_error_end_event_nobody_catches_is_an_incident(self, process: ProcessTester) -> None:
        process.deploy(bpmn(start() + end("e", on_error("BAD")), "s>e", definitions=error("BAD")))
        process.start("p")
        process.assert_incident("UNHANDLED_ERROR_EVENT", at="e")
        process.resolve_incident()
        process.assert_incident("UNHANDLED_ERROR_EVENT", at="e")

    def test_after_an_uncaught_error_resolving_hands_the_job_out_again(self, process: ProcessTester) -> None:
        process.deploy(bpmn(start() + job("t") + end(), "s>t t>e"))
        process.start("p")
        (before,) = process.jobs
        process.throw_error("BAD")
        process.resolve_incident()
        (after,) = process.jobs
        assert (after.key, after.retries) == (before.key, before.retries)
        process.complete_job("t")
        process.assert_completed()

    def test_an_error_is_caught_in_the_process_that_called(self, process: ProcessTester) -> None:
        # Given a called process with two jobs, and an error event on the call
        child = process_of(start("cs") + job("work") + job("more"), "cs>work cs>more", id="child")
        body = (
            start() + call("t", "child") + end() + boundary("b", "t", on_error("BAD")) + element("task", "x")
        )
        parent = process_of(body, "s>t t>e b>x")
        process.deploy(file(child, parent, definitions=error("BAD")))
        process.start("p", {"n": 1})
        # When one of them throws
        process.throw_error("BAD", job="work", variables={"reason": 1})
        # Then the called instance has ended, and the parent goes on at the event
        process.assert_passed("b", "x")
        process.assert_completed()
        assert process.jobs == []
        (called,) = process.app.instances(process_id="child")
        process.of(called.key).assert_terminated()
        assert process.variables == {"n": 1}

    def test_an_error_end_event_of_a_called_process_is_caught_two_calls_above(
        self, process: ProcessTester
    ) -> None:
        lowest = process_of(start("ls") + end("le", on_error("BAD")), "ls>le", id="lowest")
        middle = process_of(start("ms") + call("mc", "lowest") + end("me"), "ms>mc mc>me", id="middle")
        body = start() + call("t", "middle") + end() + boundary("b", "t", on_error()) + element("task", "x")
        process.deploy(file(lowest, middle, process_of(body, "s>t t>e b>x"), definitions=error("BAD")))
        process.start("p")
        process.assert_passed("b", "x")
        process.assert_completed()

    def test_an_error_in_a_loop_child_is_caught_on_the_body(self, process: ProcessTester) -> None:
        process.deploy(with_boundary(on_error("BAD"), host=job("t", inner=each("=[1,2,3]"))))
        process.start("p")
        process.throw_error("BAD", job="t")
        process.assert_passed("b", "x")
        assert passes(process, "x") == 1
        process.assert_completed()


@pytest.mark.parametrize("count", [40, 1200])
def test_interrupting_a_sub_process_ends_all_its_children(process: ProcessTester, count: int) -> None:
    # Given a sub-process with many active jobs, each with a timer of its own
    inner = start("is") + job("i", inner=each(f"=for n in 1..{count} return n"))
    inner += boundary("ib", "i", on_duration("P9D"))
    process.deploy(with_boundary(on_message("ping"), host=sub("t", inner, "is>i")))
    process.start("p", {"key": "A"})
    assert len(process.jobs) == count
    # When it is interrupted
    process.publish("ping", "A")
    # Then none is left
    process.assert_passed("b", "x")
    process.assert_completed()
    assert process.jobs == []
    assert process.app.status().timers == 0


def test_interrupting_a_call_ends_the_called_instance(process: ProcessTester) -> None:
    child = process_of(start("cs") + job("work") + catch("c", on_duration("P9D")), "cs>work cs>c", id="child")
    body = (
        start() + call("t", "child") + end() + boundary("b", "t", on_duration("P1D")) + element("task", "x")
    )
    process.deploy(file(child, process_of(body, "s>t t>e b>x")))
    process.start("p")
    process.advance(DAY)
    process.assert_passed("b", "x")
    process.assert_completed()
    assert process.jobs == []
    assert process.app.status().timers == 0


def test_interrupting_a_sub_process_takes_tokens_that_wait_at_a_join(process: ProcessTester) -> None:
    inner = (
        start("is") + gateway("parallel", "f") + element("task", "a") + job("i") + gateway("parallel", "j")
    )
    host = sub("t", inner, "is>f f>a f>i a>j i>j")
    process.deploy(with_boundary(on_duration("P1D"), host=host))
    process.start("p")
    process.assert_waits_at("j", "i")
    process.advance(DAY)
    process.assert_passed("b", "x")
    process.assert_completed()


def test_a_non_interrupting_event_of_a_sub_process_leaves_its_inside_alone(process: ProcessTester) -> None:
    host = sub("t", start("is") + job("i"), "is>i")
    process.deploy(with_boundary(on_cycle("R2/P1D"), host=host, interrupting=False))
    process.start("p")
    process.advance(3 * DAY)
    assert passes(process, "x") == 2
    process.complete_job("i")
    process.assert_passed("t", "e")
    process.assert_completed()


def test_what_fails_on_the_way_out_of_an_event_can_be_resolved(process: ProcessTester) -> None:
    # Given a gateway behind a boundary event that cannot decide
    body = start() + job("t") + boundary("b", "t", on_duration("P1D")) + gateway("exclusive", "g")
    body += element("task", "x") + element("task", "y") + connect("s>t b>g")
    body += flow("g", "x", "n = 1") + flow("g", "y", "n = 2")
    process.deploy(bpmn(body))
    process.start("p")
    process.advance(DAY)
    assert [incident.element_id for incident in process.detail.incidents] == ["g"]
    process.set_variables({"n": 2})
    process.resolve_incident()
    process.assert_passed("b", "g", "y")
    process.assert_completed()
