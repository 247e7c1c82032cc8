"""Ending early: terminate end events (BPMN 2.0 section 10.5.3) and cancelled instances."""

from datetime import timedelta

import pytest

from procession import Aborted, NotFound
from procession.testing import ProcessTester
from tests.building import (
    bpmn,
    call,
    catch,
    each,
    element,
    end,
    file,
    gateway,
    job,
    message,
    on_duration,
    on_message,
    start,
    sub,
    terminate,
)
from tests.building import process as process_of


def test_a_terminate_end_event_ends_everything_in_its_instance(process: ProcessTester) -> None:
    # Given a job, a timer, a message, a sub-process and a token at a join
    body = start() + job("go") + terminate("stop") + job("a") + catch("c", on_duration("P1D"))
    body += catch("m", on_message("ping")) + sub("sub", start("is") + job("i"), "is>i")
    body += element("task", "x") + gateway("parallel", "j")
    flows = "s>go go>stop s>a s>c s>m s>sub s>x x>j a>j"
    process.deploy(bpmn(body, flows, definitions=message("ping")))
    process.start("p", {"key": "A"})
    # When the terminate end event is reached
    process.complete_job("go")
    # Then the instance has completed, and nothing of it is left
    process.assert_passed("go", "stop")
    process.assert_completed()
    assert process.jobs == []
    assert process.app.status().timers == 0


def test_in_a_sub_process_it_ends_that_scope_only(process: ProcessTester) -> None:
    inner = start("is") + job("go") + terminate("stop") + job("i")
    body = start() + sub("sub", inner, "is>go go>stop is>i") + job("after") + job("beside")
    process.deploy(bpmn(body, "s>sub sub>after s>beside"))
    process.start("p")
    process.complete_job("go")
    process.assert_passed("sub", "stop")
    assert {open_job.element_id for open_job in process.jobs} == {"after", "beside"}


def test_reached_at_once_it_ends_tokens_that_are_still_on_their_way(process: ProcessTester) -> None:
    body = start() + terminate("stop") + job("a") + job("b")
    process.deploy(bpmn(body, "s>a s>stop s>b"))
    process.start("p")
    process.assert_completed()
    assert process.jobs == []


def test_alone_in_its_scope_it_is_like_a_none_end_event(process: ProcessTester) -> None:
    process.deploy(bpmn(start() + terminate("stop"), "s>stop"))
    process.start("p")
    process.assert_passed("s", "stop")
    process.assert_completed()


def test_in_a_called_process_it_ends_that_instance_only(process: ProcessTester) -> None:
    child = process_of(start("cs") + job("go") + terminate("ce") + job("i"), "cs>go go>ce cs>i", id="child")
    process.deploy(file(child, process_of(start() + call("t", "child") + job("after"), "s>t t>after")))
    process.start("p")
    process.complete_job("go")
    process.assert_waits_at("after")


def test_many_children_are_ended_over_several_transactions(process: ProcessTester) -> None:
    body = start() + job("go") + terminate("stop") + job("t", inner=each("=for n in 1..1500 return n"))
    process.deploy(bpmn(body, "s>go s>t go>stop"))
    process.start("p")
    process.complete_job("go")
    process.assert_completed()
    assert process.jobs == []


class TestCancel:
    def test_a_cancelled_instance_ends_with_everything_in_it(self, process: ProcessTester) -> None:
        inner = start("is") + job("i") + catch("c", on_duration("P1D"))
        body = start() + sub("sub", inner, "is>i is>c") + catch("m", on_message("ping"))
        process.deploy(bpmn(body, "s>sub s>m", definitions=message("ping")))
        process.start("p", {"key": "A"})
        process.cancel()
        process.assert_terminated()
        process.assert_not_passed("sub", "i", "c", "m")
        assert process.jobs == []
        assert process.app.status().timers == 0

    def test_nothing_happens_in_it_afterwards(self, process: ProcessTester) -> None:
        body = start() + catch("m", on_message("ping")) + catch("c", on_duration("P1D"))
        process.deploy(bpmn(body, "s>m s>c", definitions=message("ping")))
        process.start("p", {"key": "A"})
        process.cancel()
        process.publish("ping", "A", {"late": True})
        process.advance(timedelta(days=2))
        process.assert_terminated()
        process.assert_not_passed("m", "c")

    def test_its_jobs_can_no_longer_be_completed(self, process: ProcessTester) -> None:
        process.deploy(bpmn(start() + job("t"), "s>t"))
        process.start("p")
        (open_job,) = process.jobs
        process.cancel()
        with pytest.raises(NotFound):
            process.app.complete_job(open_job.key)

    def test_its_incidents_are_closed(self, process: ProcessTester) -> None:
        process.deploy(bpmn(start() + job("t"), "s>t"))
        process.start("p")
        process.fail_job("t", retries=0)
        process.cancel()
        process.assert_no_incident()

    def test_who_waits_for_its_result_is_told(self, process: ProcessTester) -> None:
        process.deploy(bpmn(start() + job("t"), "s>t"))
        instance = process.start("p")
        process.cancel()
        with pytest.raises(Aborted, match=str(instance.key)):
            instance.result(timedelta(seconds=5))

    def test_more_than_a_thousand_children_are_cancelled(self, process: ProcessTester) -> None:
        process.deploy(bpmn(start() + job("t", inner=each("=for n in 1..2500 return n")), "s>t"))
        process.start("p")
        process.cancel()
        process.assert_terminated()
        assert process.jobs == []

    def test_many_nested_scopes_are_cancelled(self, process: ProcessTester) -> None:
        inner = start("is") + job("i") + catch("c", on_duration("P1D"))
        many = sub("sub", inner, "is>i is>c", inner=each("=for n in 1..700 return n"))
        process.deploy(bpmn(start() + many, "s>sub"))
        process.start("p")
        process.cancel()
        process.assert_terminated()
        assert process.jobs == []
        assert process.app.status().timers == 0

    def test_an_instance_that_has_ended_cannot_be_cancelled(self, process: ProcessTester) -> None:
        process.deploy(bpmn(start() + end(), "s>e"))
        process.start("p")
        with pytest.raises(NotFound):
            process.cancel()

    def test_an_unknown_instance_cannot_be_cancelled(self, process: ProcessTester) -> None:
        with pytest.raises(NotFound, match="42"):
            process.app.cancel(42)
