"""Constant timers are checked before anything waits for them."""

from __future__ import annotations

import pytest

from procession.bpmn.timers import problem
from procession.model import TimerKind

GOOD = {
    TimerKind.DATE: [
        "2030-01-31T09:00:00Z",
        "2030-01-31T09:00",
        "2030-01-31T09:00:00.123456789+02:00",
        "2030-01-31T09:00:00[Europe/Berlin]",
        "2030-01-31T09:00:00+01:00[Europe/Berlin]",
    ],
    TimerKind.DURATION: ["PT0S", "PT15M", "P2D", "P1W", "P1Y2M3DT4H5M6.5S"],
    TimerKind.CYCLE: [
        "R/PT1M",
        "R3/PT10S",
        "R2/2030-01-31T09:00:00Z/P1D",
        "0 0 9-17 * * MON-FRI",
        "*/5 * * * *",
        "@daily",
    ],
}
BAD = {
    TimerKind.DATE: ["", "tomorrow", "2030-01-31", "2030-02-31T09:00:00Z", "2030-01-31T09:00:00[Mars/Base]"],
    TimerKind.DURATION: ["", "P", "PT", "P1DT", "10", "-PT1S", "PT-1S", "1h"],
    TimerKind.CYCLE: [
        "",
        "R",
        "R/",
        "R-1/PT1S",
        "R3/tomorrow",
        "PT1M",
        "61 * * * *",
        "every day",
        "9" * 5000,
    ],
}


@pytest.mark.parametrize(("kind", "value"), [(kind, value) for kind in GOOD for value in GOOD[kind]])
def test_a_valid_constant_has_no_problem(kind: TimerKind, value: str) -> None:
    assert problem(kind, value) is None


@pytest.mark.parametrize(("kind", "value"), [(kind, value) for kind in BAD for value in BAD[kind]])
def test_an_invalid_constant_is_explained(kind: TimerKind, value: str) -> None:
    assert "such as" in (problem(kind, value) or "")


def test_a_cycle_of_no_repetitions_is_refused() -> None:
    assert "zero times" in (problem(TimerKind.CYCLE, "R0/PT1S") or "")


def test_a_cycle_without_a_pause_is_refused() -> None:
    assert "without a pause" in (problem(TimerKind.CYCLE, "R/PT0S") or "")


def test_a_cron_that_never_comes_is_refused() -> None:
    assert "never" in (problem(TimerKind.CYCLE, "0 0 0 30 2 *") or "")
