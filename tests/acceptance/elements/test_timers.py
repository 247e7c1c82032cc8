"""Timers (BPMN 2.0 section 10.5.5.8, ISO 8601, cron): never early, never lost."""

from datetime import UTC, datetime, timedelta

import pytest

from procession.testing import ProcessTester
from procession.testing.clock import Clock
from tests.building import boundary, bpmn, catch, element, end, job, on_cycle, on_date, on_duration, start


def waiting(event: str) -> bytes:
    return bpmn(start() + catch("wait", event) + end(), "s>wait wait>e")


def passes(process: ProcessTester, element_id: str) -> int:
    return [step.element_id for step in process.detail.path].count(element_id)


@pytest.mark.parametrize(
    ("text", "delay"),
    [
        ("PT1S", timedelta(seconds=1)),
        ("PT1.5S", timedelta(seconds=1.5)),
        ("PT90M", timedelta(minutes=90)),
        ("P1DT2H", timedelta(days=1, hours=2)),
        ("P3W", timedelta(weeks=3)),
        ('=duration("P" + string(n) + "D")', timedelta(days=2)),
        ("=text", timedelta(minutes=5)),
    ],
)
def test_a_duration_is_waited_for_and_never_less(process: ProcessTester, text: str, delay: timedelta) -> None:
    process.deploy(waiting(on_duration(text)))
    process.start("p", {"n": 2, "text": "PT5M"})
    process.advance(delay - timedelta(milliseconds=500))
    process.assert_waits_at("wait")
    process.advance(timedelta(milliseconds=500))
    process.assert_passed("wait", "e")


def test_a_duration_of_months_counts_by_the_calendar(process: ProcessTester) -> None:
    process.deploy(waiting(on_duration("P1M")))
    process.start("p")
    begun = process.now
    process.advance(timedelta(days=32))
    (step,) = [step for step in process.detail.path if step.element_id == "wait"]
    assert step.ended_at is not None
    months = (step.ended_at.year - begun.year) * 12 + step.ended_at.month - begun.month
    assert months == 1 or (begun.day > 28 and months == 2)


@pytest.mark.parametrize("text", ["P0D", "-PT1H"])
def test_a_duration_that_is_over_fires_at_once(process: ProcessTester, text: str) -> None:
    process.deploy(waiting(on_duration(f'="{text}"')))
    process.start("p")
    process.assert_completed()


def test_a_date_is_waited_for(process: ProcessTester) -> None:
    process.deploy(waiting(on_date("=due")))
    due = datetime.now(UTC) + timedelta(days=40)
    process.start("p", {"due": due.isoformat()})
    process.advance(timedelta(days=39, hours=23))
    process.assert_waits_at("wait")
    process.advance(timedelta(hours=2))
    process.assert_passed("wait")


def test_a_date_in_the_past_fires_at_once(process: ProcessTester) -> None:
    process.deploy(waiting(on_date("2001-01-01T00:00:00Z")))
    process.start("p")
    process.assert_completed()


def test_a_cycle_lets_one_token_go_on_per_repetition(process: ProcessTester) -> None:
    body = start() + catch("tick", on_cycle("R3/PT1H")) + element("task", "t")
    process.deploy(bpmn(body, "s>tick tick>t"))
    process.start("p")
    process.advance(timedelta(hours=1))
    assert passes(process, "t") == 1
    process.assert_waits_at("tick")
    process.advance(timedelta(hours=2))
    assert passes(process, "t") == 3
    process.assert_completed()


def test_repetitions_count_from_the_due_time_before(process: ProcessTester) -> None:
    # Given an hourly reminder on a node that was not awake for some hours
    body = start() + job("t") + boundary("b", "t", on_cycle("R/PT1H"), interrupting=False)
    process.deploy(bpmn(body + element("task", "x"), "s>t b>x"))
    process.start("p")
    process._engine.clock.move(timedelta(hours=3, minutes=30))
    # Then it makes up for all of them
    assert passes(process, "x") == 3
    # And the next one is half an hour away, not an hour
    process.advance(timedelta(minutes=31))
    assert passes(process, "x") == 4


def test_a_cron_expression_repeats(process: ProcessTester) -> None:
    body = start() + job("t") + boundary("b", "t", on_cycle("0 0 9 * * *"), interrupting=False)
    process.deploy(bpmn(body + element("task", "x"), "s>t b>x"))
    process.start("p")
    process.advance(timedelta(days=5))
    fired = [step.started_at for step in process.detail.path if step.element_id == "b"]
    assert len(fired) == 5
    assert {(moment.hour, moment.minute, moment.second) for moment in fired} == {(9, 0, 0)}


def test_a_cycle_may_begin_at_a_date(process: ProcessTester) -> None:
    process.deploy(bpmn(start() + catch("tick", on_cycle("=cycle")) + element("task", "t"), "s>tick tick>t"))
    begin = datetime.now(UTC) + timedelta(days=2)
    process.start("p", {"cycle": f"R2/{begin:%Y-%m-%dT%H:%M:%SZ}/P1D"})
    process.advance(timedelta(days=1, hours=23))
    assert passes(process, "t") == 0
    process.advance(timedelta(hours=1, minutes=1))
    assert passes(process, "t") == 1
    process.advance(timedelta(days=1))
    assert passes(process, "t") == 2
    process.assert_completed()


@pytest.mark.parametrize(
    ("event", "value"),
    [
        (on_duration("=x"), "soon"),
        (on_date("=x"), "tomorrow"),
        (on_cycle("=x"), "often"),
        (on_duration("=x"), 7),
    ],
)
def test_what_is_no_time_is_an_incident_that_can_be_resolved(
    process: ProcessTester, event: str, value: object
) -> None:
    process.deploy(waiting(event))
    process.start("p", {"x": value})
    process.assert_incident("EXTRACT_VALUE_ERROR", at="wait")
    process.advance(timedelta(days=1))
    process.assert_waits_at("wait")
    process.set_variables(
        {"x": {"soon": "PT1H", 7: "PT1H", "often": "R1/PT1H"}.get(value, "2001-01-01T00:00:00Z")}
    )
    process.resolve_incident()
    process.advance(timedelta(hours=1))
    process.assert_passed("wait")


def test_a_timer_survives_a_restart(process: ProcessTester) -> None:
    process.deploy(waiting(on_duration("P1D")))
    process.start("p")
    process.restart()
    process.assert_waits_at("wait")
    process.advance(timedelta(days=1))
    process.assert_completed()


def test_a_timer_that_fell_due_while_nothing_ran_fires_on_the_next_start(process: ProcessTester) -> None:
    process.deploy(waiting(on_duration("P1D")))
    instance = process.start("p")
    process.__exit__()
    with Clock(process.url) as clock:
        clock.move(timedelta(days=2))
    process.restart()
    process.of(instance.key).assert_completed()


def test_a_process_that_waits_three_weeks_is_tested_in_no_time(process: ProcessTester) -> None:
    body = start() + catch("w1", on_duration("P1W")) + catch("w2", on_duration("P1W"))
    body += catch("w3", on_duration("P1W")) + end()
    process.deploy(bpmn(body, "s>w1 w1>w2 w2>w3 w3>e"))
    process.start("p")
    process.advance(timedelta(weeks=3, seconds=1))
    process.assert_passed("w1", "w2", "w3", "e")
    process.assert_completed()


def test_many_timers_that_fall_due_together_all_fire(process: ProcessTester) -> None:
    process.deploy(waiting(on_duration("P1D")))
    keys = [process.app.start("p").key for _ in range(300)]
    process.advance(timedelta(days=1))
    states = process.app.count_instances("p")
    assert states["COMPLETED"] == len(keys)
