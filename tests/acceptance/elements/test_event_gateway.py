"""The event-based gateway (BPMN 2.0 section 10.6.6): what happens first decides."""

from datetime import timedelta

from procession.testing import ProcessTester
from tests.building import bpmn, catch, element, gateway, io, message, on_duration, on_message, outputs, start

PAID_OR_LATE = bpmn(
    start()
    + gateway("eventBased", "g")
    + catch("paid", on_message("payment"), io=io(outputs(amount="=value")))
    + catch("late", on_duration("P2D"))
    + element("task", "ship")
    + element("task", "remind"),
    "s>g g>paid g>late paid>ship late>remind",
    definitions=message("payment"),
)


def test_it_waits_for_all_its_events(process: ProcessTester) -> None:
    process.deploy(PAID_OR_LATE)
    process.start("p", {"key": "A-1"})
    process.assert_waits_at("g")


def test_a_message_takes_its_path_and_the_timer_is_gone(process: ProcessTester) -> None:
    process.deploy(PAID_OR_LATE)
    process.start("p", {"key": "A-1"})
    process.publish("payment", "A-1", {"value": 7})
    process.assert_passed("g", "paid", "ship")
    process.assert_completed()
    assert process.variables["amount"] == 7
    process.advance(timedelta(days=3))
    process.assert_not_passed("late", "remind")


def test_a_timer_takes_its_path_and_the_message_comes_too_late(process: ProcessTester) -> None:
    process.deploy(PAID_OR_LATE)
    process.start("p", {"key": "A-1"})
    process.advance(timedelta(days=2))
    process.assert_passed("g", "late", "remind")
    process.publish("payment", "A-1")
    process.assert_not_passed("paid")
    process.assert_completed()


def test_a_buffered_message_is_taken_at_once(process: ProcessTester) -> None:
    process.deploy(PAID_OR_LATE)
    process.publish("payment", "A-1", ttl=timedelta(hours=1))
    process.start("p", {"key": "A-1"})
    process.assert_passed("paid", "ship")


def test_a_key_that_cannot_be_evaluated_is_an_incident_and_opens_nothing(process: ProcessTester) -> None:
    process.deploy(PAID_OR_LATE)
    process.start("p")
    process.assert_incident("EXTRACT_VALUE_ERROR", at="g")
    process.advance(timedelta(days=3))
    process.assert_not_passed("late")
    process.set_variables({"key": "A-1"})
    process.resolve_incident()
    process.publish("payment", "A-1")
    process.assert_passed("paid")
