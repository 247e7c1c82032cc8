"""The call activity (BPMN 2.0 section 10.3.6): another process inside this one."""

import pytest

from procession import WrongState
from procession.testing import ProcessTester
from tests.building import bpmn, call, end, file, inputs, job, outputs, start
from tests.building import process as process_of

CHILD = process_of(start("cs") + job("work") + end("ce"), "cs>work work>ce", id="child")


def calling(**options: object) -> bytes:
    parent = process_of(start() + call("t", "child", **options) + end(), "s>t t>e")  # type: ignore[arg-type]
    return file(CHILD, parent)


def called(process: ProcessTester) -> ProcessTester:
    (info,) = process.app.instances(process_id="child")
    return process.of(info.key)


def test_it_starts_an_instance_and_waits_for_its_end(process: ProcessTester) -> None:
    process.deploy(calling())
    process.start("p", business_key="B-1")
    called(process).assert_waits_at("work")
    process.assert_waits_at("t")
    process.complete_job("work")
    called(process).assert_completed()
    process.assert_passed("s", "t", "e")


def test_the_called_instance_has_the_business_key_of_its_caller(process: ProcessTester) -> None:
    process.deploy(calling())
    process.start("p", business_key="B-1")
    assert called(process).detail.info.business_key == "B-1"


def test_all_visible_variables_go_in(process: ProcessTester) -> None:
    process.deploy(calling(mappings=inputs(local="=outer + 1")))
    process.start("p", {"outer": 1})
    assert called(process).variables == {"outer": 1, "local": 2}


def test_or_only_those_of_input_mappings(process: ProcessTester) -> None:
    process.deploy(calling(parent=False, mappings=inputs(local="=outer + 1")))
    process.start("p", {"outer": 1})
    assert called(process).variables == {"local": 2}


def test_all_variables_of_the_called_instance_come_out(process: ProcessTester) -> None:
    process.deploy(calling())
    process.start("p", {"n": 1})
    process.complete_job("work", {"n": 2, "result": "ok"})
    assert process.variables == {"n": 2, "result": "ok"}


def test_or_none_of_them(process: ProcessTester) -> None:
    process.deploy(calling(child=False))
    process.start("p", {"n": 1})
    process.complete_job("work", {"n": 2, "result": "ok"})
    process.assert_completed()
    assert process.variables == {"n": 1}


def test_or_only_those_of_output_mappings(process: ProcessTester) -> None:
    process.deploy(calling(child=False, mappings=outputs(got="=result")))
    process.start("p", {"n": 1})
    process.complete_job("work", {"result": "ok"})
    assert process.variables == {"n": 1, "got": "ok"}


def test_the_latest_version_is_called_when_the_call_begins(process: ProcessTester) -> None:
    # Given a caller that was deployed before the second version of what it calls
    process.deploy(calling())
    process.deploy(bpmn(start("cs") + job("better") + end("ce"), "cs>better better>ce", id="child"))
    process.start("p")
    called(process).assert_waits_at("better")


def test_a_process_that_does_not_exist_is_an_incident_until_it_is_deployed(process: ProcessTester) -> None:
    process.deploy(bpmn(start() + call("t", "child") + end(), "s>t t>e"))
    process.start("p")
    process.assert_incident("CALLED_ELEMENT_ERROR", at="t")
    process.deploy(file(CHILD))
    process.resolve_incident()
    process.complete_job("work")
    process.assert_completed()


def test_the_process_id_may_be_an_expression(process: ProcessTester) -> None:
    parent = process_of(start() + call("t", '="chi" + rest') + end(), "s>t t>e")
    process.deploy(file(CHILD, parent))
    process.start("p", {"rest": "ld"})
    called(process).assert_waits_at("work")


def test_calls_may_be_nested(process: ProcessTester) -> None:
    middle = process_of(start("ms") + call("mc", "child") + end("me"), "ms>mc mc>me", id="middle")
    parent = process_of(start() + call("t", "middle") + end(), "s>t t>e")
    process.deploy(file(CHILD, middle, parent))
    process.start("p")
    process.complete_job("work", {"deep": True})
    process.assert_completed()
    assert process.variables == {"deep": True}


def test_a_process_that_calls_itself_without_end_is_stopped(process: ProcessTester) -> None:
    process.deploy(bpmn(start() + call("t", "p") + end(), "s>t t>e"))
    process.start("p")
    incidents = process.app.incidents()
    assert [incident.type for incident in incidents] == ["CALLED_ELEMENT_ERROR"]
    assert "100 deep" in incidents[0].message


def test_cancelling_the_caller_cancels_the_called(process: ProcessTester) -> None:
    process.deploy(calling())
    process.start("p")
    process.cancel()
    process.assert_terminated()
    called(process).assert_terminated()
    assert process.jobs == []


def test_a_called_instance_cannot_be_cancelled_alone(process: ProcessTester) -> None:
    process.deploy(calling())
    root = process.start("p")
    with pytest.raises(WrongState, match=str(root.key)):
        called(process).cancel()
    called(process).assert_active()


def test_forty_different_processes_may_call_each_other_in_a_chain(process: ProcessTester) -> None:
    # Given a chain in which each process calls the next, down to one with a job
    chain = [
        process_of(
            start(f"s{n}") + call(f"c{n}", f"q{n + 1}") + end(f"e{n}"), f"s{n}>c{n} c{n}>e{n}", id=f"q{n}"
        )
        for n in range(40)
    ]
    bottom = process_of(start("bs") + job("work"), "bs>work", id="q40")
    process.deploy(file(*chain, bottom))
    # When it is started on a node that has seen none of them
    process.restart()
    process.start("q0")
    # Then the job at the bottom is there, and its end is the end of all
    process.complete_job("work", {"n": 1})
    process.assert_completed()
    assert process.variables == {"n": 1}


def test_many_calls_that_never_wait_run_in_one_go(process: ProcessTester) -> None:
    called = [process_of(start(f"s{n}"), id=f"q{n}") for n in range(40)]
    body = start() + "".join(call(f"c{n}", f"q{n}") for n in range(40))
    flows = "s>c0 " + " ".join(f"c{n}>c{n + 1}" for n in range(39))
    process.deploy(file(*called, process_of(body, flows)))
    process.restart()
    process.start("p")
    process.assert_completed()
