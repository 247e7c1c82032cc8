"""Embedded sub-processes (BPMN 2.0 section 10.3.5): scopes of their own inside a process."""

from procession.testing import ProcessTester
from tests.building import bpmn, connect, element, end, flow, gateway, inputs, job, outputs, start, sub


def test_it_starts_inside_and_goes_on_when_nothing_is_active_in_it(process: ProcessTester) -> None:
    inner = start("is") + job("a") + job("b")
    process.deploy(bpmn(start() + sub("sub", inner, "is>a is>b") + job("t"), "s>sub sub>t"))
    process.start("p")
    process.complete_job("a")
    process.assert_waits_at("sub", "b")
    process.complete_job("b")
    process.assert_passed("sub", "is", "a", "b")
    process.assert_waits_at("t")


def test_they_may_stand_in_each_other(process: ProcessTester) -> None:
    innermost = sub("deep", start("ds") + job("t") + end("de"), "ds>t t>de")
    middle = sub("middle", start("ms") + innermost + end("me"), "ms>deep deep>me")
    process.deploy(bpmn(start() + middle + end(), "s>middle middle>e"))
    process.start("p")
    process.complete_job("t")
    process.assert_passed("s", "middle", "ms", "deep", "ds", "t", "de", "me", "e")
    process.assert_completed()


def test_one_that_never_waits_is_passed_at_once(process: ProcessTester) -> None:
    inner = start("is") + element("task", "t") + end("ie")
    process.deploy(bpmn(start() + sub("sub", inner, "is>t t>ie") + end(), "s>sub sub>e"))
    process.start("p")
    process.assert_completed()


def test_its_input_mappings_are_local_to_it(process: ProcessTester) -> None:
    inner = start("is") + job("t") + end("ie")
    mapped = sub("sub", inner, "is>t t>ie", mappings=inputs(local="=outer + 1"))
    process.deploy(bpmn(start() + mapped + end(), "s>sub sub>e"))
    process.start("p", {"outer": 1})
    process.complete_job("t", {"local": 9})
    process.assert_completed()
    assert process.variables == {"outer": 1}


def test_its_output_mappings_see_its_variables(process: ProcessTester) -> None:
    inner = start("is") + job("t") + end("ie")
    mapped = sub("sub", inner, "is>t t>ie", mappings=inputs(local="=1") + outputs(result="=local * 2"))
    process.deploy(bpmn(start() + mapped + end(), "s>sub sub>e"))
    process.start("p")
    process.complete_job("t", {"local": 21})
    assert process.variables == {"result": 42}


def test_a_job_result_without_mapping_passes_through_it_to_the_root(process: ProcessTester) -> None:
    inner = start("is") + job("t") + end("ie")
    process.deploy(bpmn(start() + sub("sub", inner, "is>t t>ie") + end(), "s>sub sub>e"))
    process.start("p")
    process.complete_job("t", {"result": 1})
    assert process.variables == {"result": 1}


def test_an_incident_inside_keeps_it_waiting_until_resolved(process: ProcessTester) -> None:
    # Given a gateway in it that cannot decide
    inner = start("is") + gateway("exclusive", "g") + connect("is>g") + element("task", "a")
    inner += element("task", "b") + flow("g", "a", "n = 1") + flow("g", "b", "n = 2")
    process.deploy(bpmn(start() + sub("sub", inner) + end(), "s>sub sub>e"))
    process.start("p", {"n": 3})
    process.assert_incident("CONDITION_ERROR", at="g")
    process.assert_waits_at("sub")
    # When that is put right
    process.set_variables({"n": 2})
    process.resolve_incident()
    # Then it completes
    process.assert_passed("sub", "g", "b", "e")
    process.assert_completed()
