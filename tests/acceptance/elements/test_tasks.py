"""Tasks (BPMN 2.0 section 10.3.3): what waits for a worker, and what the engine finishes itself."""

import pytest

from procession.testing import ProcessTester
from tests.building import bpmn, element, end, job, on_message, script, start


@pytest.mark.parametrize("kind", ["serviceTask", "sendTask", "userTask", "businessRuleTask", "scriptTask"])
def test_a_task_with_a_task_definition_waits_for_its_job(process: ProcessTester, kind: str) -> None:
    # Given a task that a worker does
    process.deploy(bpmn(start() + job("t", type="work", kind=kind) + end(), "s>t t>e"))
    # When an instance comes to it
    process.start("p")
    # Then it waits until its job is completed
    process.assert_waits_at("t")
    process.complete_job("work")
    process.assert_passed("s", "t", "e")
    process.assert_completed()


@pytest.mark.parametrize("kind", ["task", "manualTask"])
def test_a_task_nobody_has_to_do_completes_at_once(process: ProcessTester, kind: str) -> None:
    process.deploy(bpmn(start() + element(kind, "t") + end(), "s>t t>e"))
    process.start("p")
    process.assert_passed("s", "t", "e")
    process.assert_completed()


def test_a_user_task_without_a_definition_is_a_job_of_zeebes_type_with_one_retry(
    process: ProcessTester,
) -> None:
    process.deploy(bpmn(start() + element("userTask", "t") + end(), "s>t t>e"))
    process.start("p")
    (user_job,) = process.jobs
    assert (user_job.type, user_job.retries) == ("io.camunda.zeebe:userTask", 1)


def test_a_script_task_writes_the_value_of_its_expression(process: ProcessTester) -> None:
    process.deploy(bpmn(start() + script("t", "price * 2", "total") + end(), "s>t t>e"))
    process.start("p", {"price": 21})
    process.assert_completed()
    assert process.variables == {"price": 21, "total": 42}


@pytest.mark.parametrize("kind", ["intermediateThrowEvent", "endEvent"])
def test_an_event_that_throws_a_message_is_a_job(process: ProcessTester, kind: str) -> None:
    # Given a message event whose sending is a worker's job
    event = job("t", type="send", kind=kind, inner="<messageEventDefinition/>")
    rest = (end(), "s>t t>e") if kind == "intermediateThrowEvent" else ("", "s>t")
    process.deploy(bpmn(start() + event + rest[0], rest[1]))
    process.start("p")
    # When the worker has sent it
    process.complete_job("send")
    # Then the token goes on
    process.assert_passed("s", "t")
    process.assert_completed()


def test_a_none_throw_event_is_passed(process: ProcessTester) -> None:
    process.deploy(bpmn(start() + element("intermediateThrowEvent", "t") + end(), "s>t t>e"))
    process.start("p")
    process.assert_passed("s", "t", "e")


def test_type_and_retries_of_a_job_may_be_expressions(process: ProcessTester) -> None:
    task = job("t", type='="ship-" + carrier', retries="=tries")
    process.deploy(bpmn(start() + task + end(), "s>t t>e"))
    process.start("p", {"carrier": "post", "tries": 7})
    (ship,) = process.jobs
    assert (ship.type, ship.retries) == ("ship-post", 7)


def test_a_job_type_that_is_no_text_is_an_incident_that_can_be_resolved(process: ProcessTester) -> None:
    # Given a job type that depends on a variable nobody has set
    process.deploy(bpmn(start() + job("t", type="=carrier") + end(), "s>t t>e"))
    process.start("p")
    process.assert_incident("EXTRACT_VALUE_ERROR", at="t")
    # When it is set and the incident resolved
    process.set_variables({"carrier": "post"})
    process.resolve_incident()
    # Then the job is made
    process.assert_no_incident()
    process.complete_job("post")
    process.assert_completed()


def test_an_element_without_outgoing_flow_ends_its_path(process: ProcessTester) -> None:
    process.deploy(bpmn(start() + element("task", "t"), "s>t"))
    process.start("p")
    process.assert_completed()


def test_every_outgoing_flow_of_a_task_is_taken(process: ProcessTester) -> None:
    body = start() + element("task", "t") + job("a") + job("b")
    process.deploy(bpmn(body, "s>t t>a t>b"))
    process.start("p")
    process.assert_waits_at("a", "b")


def test_tokens_that_meet_at_a_task_each_activate_it(process: ProcessTester) -> None:
    # Given two paths that lead to one task without a gateway
    body = start() + element("task", "a") + element("task", "b") + job("t") + end()
    process.deploy(bpmn(body, "s>a s>b a>t b>t t>e"))
    process.start("p")
    # Then it is done twice
    assert [open_job.element_id for open_job in process.jobs] == ["t", "t"]
    process.complete_job("t")
    process.assert_active()
    process.complete_job("t")
    process.assert_completed()


def test_a_message_end_event_without_a_message_is_a_job_too(process: ProcessTester) -> None:
    sent = job("e", type="send", kind="endEvent", inner=on_message("m"))
    process.deploy(bpmn(start() + sent, "s>e", definitions='<message id="m" name="done"/>'))
    process.start("p")
    process.complete_job("send")
    process.assert_completed()
