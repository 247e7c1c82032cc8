"""When timers are due: dates, durations and cycles as ISO 8601 and cron write them."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from procession.engine.run import Stuck
from procession.engine.schedule import ENDLESS, Due, first_due, milliseconds, moment, next_due
from procession.model import TimerKind

ZONE = ZoneInfo("Europe/Warsaw")
NOW = milliseconds(datetime(2024, 1, 31, 12, tzinfo=ZONE))
HOUR = 3_600_000


def at(*parts: int) -> int:
    """Epoch milliseconds of a local time."""
    return milliseconds(datetime(*parts, tzinfo=ZONE))  # type: ignore[arg-type, misc]


@pytest.mark.parametrize(
    ("text", "due"),
    [
        ("PT0.001S", NOW + 1),
        ("PT0.0001S", NOW + 1),
        ("PT1H", NOW + HOUR),
        ("P1DT1H", NOW + 25 * HOUR),
        ("P2W", NOW + 14 * 24 * HOUR),
        ("P1M", at(2024, 2, 29, 12)),
        ("P1Y", at(2025, 1, 31, 12)),
        ("P1M1DT1H", at(2024, 3, 1, 13)),
        ("-PT1H", NOW - HOUR),
    ],
)
def test_a_duration_is_added_to_now_and_never_rounded_down(text: str, due: int) -> None:
    assert first_due(TimerKind.DURATION, text, NOW, ZONE) == Due(due)


@pytest.mark.parametrize(
    ("text", "due"),
    [
        ("2024-02-01T10:00:00Z", milliseconds(datetime(2024, 2, 1, 10, tzinfo=UTC))),
        ("2024-02-01T10:00:00+02:00", milliseconds(datetime(2024, 2, 1, 8, tzinfo=UTC))),
        ("2024-07-01T10:00:00", at(2024, 7, 1, 10)),
    ],
)
def test_a_date_without_zone_is_in_the_zone_of_the_node(text: str, due: int) -> None:
    assert first_due(TimerKind.DATE, text, NOW, ZONE) == Due(due)


@pytest.mark.parametrize(
    ("text", "due"),
    [
        ("R/PT1H", Due(NOW + HOUR, "R/PT1H", ENDLESS)),
        ("R3/PT1H", Due(NOW + HOUR, "R3/PT1H", 3)),
        ("R2/2024-02-01T00:00:00Z/P1D", Due(at(2024, 2, 1, 1), "R2/2024-02-01T00:00:00Z/P1D", 2)),
        ("0 0 9 * * *", Due(at(2024, 2, 1, 9), "0 0 9 * * *", ENDLESS)),
        ("0 0 9 * * MON-FRI", Due(at(2024, 2, 1, 9), "0 0 9 * * MON-FRI", ENDLESS)),
        ("@daily", Due(at(2024, 2, 1), "@daily", ENDLESS)),
    ],
)
def test_a_cycle_knows_its_first_time_and_how_often(text: str, due: Due) -> None:
    assert first_due(TimerKind.CYCLE, text, NOW, ZONE) == due


def test_the_next_time_counts_from_the_one_before() -> None:
    assert next_due("R/PT1H", NOW, ZONE) == NOW + HOUR


def test_a_cron_expression_keeps_local_time_over_the_change_to_summer() -> None:
    before = at(2024, 3, 30, 9)
    following = next_due("0 0 9 * * *", before, ZONE)
    assert moment(following, ZONE) == datetime(2024, 3, 31, 9, tzinfo=ZONE)
    assert following - before == 23 * HOUR


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (TimerKind.DURATION, "soon"),
        (TimerKind.DURATION, "P"),
        (TimerKind.DURATION, None),
        (TimerKind.DATE, "2024-13-01T00:00:00Z"),
        (TimerKind.DATE, 7),
        (TimerKind.CYCLE, "R0/PT1H"),
        (TimerKind.CYCLE, "99 * * * *"),
        (TimerKind.CYCLE, "R/soon"),
        (TimerKind.CYCLE, timedelta(hours=1)),
    ],
)
def test_what_is_no_time_says_so(kind: TimerKind, value: object) -> None:
    with pytest.raises(Stuck, match="cannot be read"):
        first_due(kind, value, NOW, ZONE)
