"""Things that happen at the same moment: one of them wins, and nothing is lost or done twice."""

import asyncio
from datetime import timedelta

import pytest

from procession import ProcessionError
from procession.engine import commands as c
from procession.testing import ProcessTester
from tests.building import (
    boundary,
    bpmn,
    catch,
    element,
    end,
    gateway,
    job,
    message,
    on_duration,
    on_error,
    on_message,
    start,
    sub,
)

DAY = timedelta(days=1)


def together(process: ProcessTester, *commands: c.Command) -> list[object]:
    """Give the node several commands at once, so that one batch carries them out."""
    facade = process.app

    async def send() -> list[object]:
        app = facade._app
        sent = [app._backend.submit(command) for command in commands]
        return await asyncio.gather(*sent, return_exceptions=True)

    replies = facade._call(send())
    process._engine.settle()
    return replies


def passes(process: ProcessTester, element_id: str) -> int:
    return [step.element_id for step in process.detail.path].count(element_id)


def guarded(event: str, *, interrupting: bool = True) -> bytes:
    body = start() + job("t") + end() + boundary("b", "t", event, interrupting=interrupting)
    return bpmn(body + element("task", "x"), "s>t t>e b>x", definitions=message("ping"))


def test_of_two_completions_one_counts(process: ProcessTester) -> None:
    process.deploy(guarded(on_error()))
    process.start("p")
    (open_job,) = process.jobs
    replies = together(process, c.CompleteJob(open_job.key), c.CompleteJob(open_job.key))
    assert [isinstance(reply, ProcessionError) for reply in replies] == [False, True]
    process.assert_completed()
    assert passes(process, "e") == 1


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_of_completing_and_cancelling_the_first_counts(
    process: ProcessTester, order: tuple[int, int]
) -> None:
    process.deploy(guarded(on_error()))
    instance = process.start("p")
    (open_job,) = process.jobs
    commands = (c.CompleteJob(open_job.key), c.CancelInstance(instance.key))
    replies = together(process, *(commands[place] for place in order))
    assert [isinstance(reply, ProcessionError) for reply in replies] == [False, True]
    (process.assert_completed if order == (0, 1) else process.assert_terminated)()


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_of_completing_and_throwing_the_first_counts(process: ProcessTester, order: tuple[int, int]) -> None:
    process.deploy(guarded(on_error()))
    process.start("p")
    (open_job,) = process.jobs
    commands = (c.CompleteJob(open_job.key), c.ThrowError(open_job.key, "BAD"))
    together(process, *(commands[place] for place in order))
    process.assert_completed()
    assert (passes(process, "e"), passes(process, "x")) == ((1, 0) if order == (0, 1) else (0, 1))


def test_a_message_that_comes_with_the_completion_of_its_host_is_dropped(process: ProcessTester) -> None:
    process.deploy(guarded(on_message("ping")))
    process.start("p", {"key": "A"})
    (open_job,) = process.jobs
    together(process, c.PublishMessage("ping", "A"), c.CompleteJob(open_job.key))
    process.assert_completed()
    assert passes(process, "e") + passes(process, "x") == 1


def test_a_message_whose_receiver_is_gone_is_offered_to_the_next(process: ProcessTester) -> None:
    # Given two instances that wait for the same message
    body = start() + catch("wait", on_message("ping")) + end()
    process.deploy(bpmn(body, "s>wait wait>e", definitions=message("ping")))
    first = process.start("p", {"key": "A"})
    second = process.start("p", {"key": "A"})
    # When it is published while the first is cancelled
    together(process, c.PublishMessage("ping", "A"), c.CancelInstance(first.key))
    # Then the second gets it
    process.of(first).assert_terminated()
    process.of(second).assert_completed()


def test_a_buffered_message_whose_receiver_is_gone_stays_for_a_later_one(process: ProcessTester) -> None:
    body = start() + catch("wait", on_message("ping")) + end()
    process.deploy(bpmn(body, "s>wait wait>e", definitions=message("ping")))
    first = process.start("p", {"key": "A"})
    together(process, c.PublishMessage("ping", "A", ttl=60_000), c.CancelInstance(first.key))
    process.start("p", {"key": "A"})
    process.assert_completed()


def test_two_messages_at_once_are_caught_one_after_the_other(process: ProcessTester) -> None:
    body = start() + catch("w1", on_message("ping")) + catch("w2", on_message("ping")) + end()
    process.deploy(bpmn(body, "s>w1 w1>w2 w2>e", definitions=message("ping")))
    process.start("p", {"key": "A"})
    publish = [c.PublishMessage("ping", "A", ttl=60_000, variables={"n": str(n)}) for n in (1, 2)]
    together(process, *publish)
    process.assert_completed()


def test_of_two_timers_that_are_due_together_one_interrupts(process: ProcessTester) -> None:
    body = (
        start() + job("t") + boundary("b1", "t", on_duration("P1D")) + boundary("b2", "t", on_duration("P1D"))
    )
    process.deploy(bpmn(body + element("task", "x"), "s>t b1>x b2>x"))
    process.start("p")
    process.advance(2 * DAY)
    process.assert_completed()
    assert passes(process, "x") == 1


def test_inner_and_outer_timers_that_are_due_together_end_once(process: ProcessTester) -> None:
    inner = start("is") + job("t") + boundary("ib", "t", on_duration("P1D")) + job("after")
    body = start() + sub("sub", inner, "is>t ib>after") + boundary("b", "sub", on_duration("P1D"))
    process.deploy(bpmn(body + element("task", "x"), "s>sub b>x"))
    process.start("p")
    process._engine.clock.move(2 * DAY)
    process.assert_completed()
    assert passes(process, "x") == 1
    assert process.jobs == []


def test_an_event_gateway_takes_one_of_two_events(process: ProcessTester) -> None:
    body = (
        start() + gateway("eventBased", "g") + catch("a", on_message("ping")) + catch("b", on_message("pong"))
    )
    definitions = message("ping") + message("pong")
    process.deploy(bpmn(body + element("task", "x"), "s>g g>a g>b a>x b>x", definitions=definitions))
    process.start("p", {"key": "A"})
    together(process, c.PublishMessage("ping", "A"), c.PublishMessage("pong", "A"))
    process.assert_completed()
    assert passes(process, "x") == 1


def test_message_starts_for_one_key_at_once_run_one_after_the_other(process: ProcessTester) -> None:
    process.deploy(bpmn(start(inner=on_message("begin")) + job("t"), "s>t", definitions=message("begin")))
    together(process, *(c.PublishMessage("begin", "A", ttl=60_000) for _ in range(3)))
    for _ in range(3):
        active = process.app.instances(process_id="p", state="ACTIVE")
        assert len(active) == 1
        process.of(active[0].key).complete_job("t")
    assert process.app.count_instances("p")["COMPLETED"] == 3


def test_a_join_whose_tokens_come_at_once_fires_once(process: ProcessTester) -> None:
    body = start() + gateway("parallel", "f") + job("a") + job("b") + gateway("parallel", "j") + job("t")
    process.deploy(bpmn(body, "s>f f>a f>b a>j b>j j>t"))
    process.start("p")
    together(process, *(c.CompleteJob(open_job.key) for open_job in process.jobs))
    process.assert_waits_at("t")
    assert passes(process, "j") == 1


def test_an_instance_started_twice_with_one_key_at_once_is_one(process: ProcessTester) -> None:
    process.deploy(guarded(on_error()))
    first, second = together(process, *(c.StartInstance("p", idempotency_key="1") for _ in range(2)))
    assert first.key == second.key  # type: ignore[attr-defined]
    assert len(process.app.instances()) == 1
