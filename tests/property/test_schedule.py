"""When timers are due: never early, and repetitions never drift."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from math import ceil
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from procession.engine.run import Stuck
from procession.engine.schedule import ENDLESS, first_due, moment, next_due
from procession.model import TimerKind

ZONES = st.sampled_from([ZoneInfo(name) for name in ("UTC", "Europe/Warsaw", "America/St_Johns")])
NOWS = st.datetimes(datetime(2001, 1, 1), datetime(2080, 1, 1)).map(
    lambda at: int(at.replace(tzinfo=UTC).timestamp() * 1000)
)
_SWITCHES = (datetime(2026, 3, 29), datetime(2026, 10, 25))
NEAR_A_SWITCH = st.builds(
    lambda day, minutes: int((day + timedelta(minutes=minutes)).replace(tzinfo=UTC).timestamp() * 1000),
    st.sampled_from(_SWITCHES),
    st.integers(-180, 180),
)
HOURS, MINUTES, SECONDS = st.integers(0, 100), st.integers(0, 100), st.integers(0, 100)


def _iso(hours: int, minutes: int, thousandths: int) -> str:
    return f"PT{hours}H{minutes}M{thousandths / 1000:.3f}S"


@given(NOWS | NEAR_A_SWITCH, HOURS, MINUTES, st.integers(0, 100_000), ZONES)
def test_a_duration_of_hours_passes_to_the_millisecond_in_every_zone(
    now: int, hours: int, minutes: int, thousandths: int, zone: ZoneInfo
) -> None:
    due = first_due(TimerKind.DURATION, _iso(hours, minutes, thousandths), now, zone)

    assert due.at == now + hours * 3_600_000 + minutes * 60_000 + thousandths
    assert due.cycle is None


@given(NOWS, st.integers(1, 999_999))
def test_what_is_shorter_than_a_millisecond_is_waited_for_too(now: int, microseconds: int) -> None:
    text = f"PT{microseconds / 1_000_000:.6f}S"

    due = first_due(TimerKind.DURATION, text, now, ZoneInfo("UTC"))

    assert due.at == now + ceil(microseconds / 1000)


@given(NOWS, st.integers(0, 30), st.integers(0, 60), ZONES)
def test_months_and_days_pass_on_the_calendar_of_the_zone(
    now: int, months: int, days: int, zone: ZoneInfo
) -> None:
    due = first_due(TimerKind.DURATION, f"P{months}M{days}D", now, zone)

    at_least = timedelta(days=28 * months + days) - timedelta(hours=2)  # a switch of the clock is in there
    assert due.at >= now + at_least // timedelta(milliseconds=1)
    assert due.at <= now + timedelta(days=31 * months + days, hours=2) // timedelta(milliseconds=1)


@given(
    NOWS | NEAR_A_SWITCH,
    st.none() | st.integers(1, 50),
    HOURS,
    st.integers(1, 100_000),
    st.integers(1, 20),
    ZONES,
)
def test_repetitions_keep_their_distance_however_late_they_fire(
    now: int, count: int | None, hours: int, thousandths: int, times: int, zone: ZoneInfo
) -> None:
    cycle = f"R{count or ''}/{_iso(hours, 0, thousandths)}"
    first = first_due(TimerKind.CYCLE, cycle, now, zone)

    dues = [first.at]
    for _ in range(times):
        dues.append(next_due(cycle, dues[-1], zone))

    interval = hours * 3_600_000 + thousandths
    assert dues == [now + interval * number for number in range(1, times + 2)]
    assert first.repetitions == (count or ENDLESS)
    assert first.cycle == cycle


@given(NOWS, NOWS, st.integers(1, 100_000))
def test_a_cycle_with_a_start_begins_there_but_never_before_now(
    now: int, start: int, thousandths: int
) -> None:
    text = f"R3/{moment(start, ZoneInfo('UTC')).isoformat()}/{_iso(0, 0, thousandths)}"

    due = first_due(TimerKind.CYCLE, text, now, ZoneInfo("UTC"))

    assert due.at == max(now, start)


@given(NOWS, NOWS, ZONES)
def test_a_date_is_due_at_that_very_time(now: int, at: int, zone: ZoneInfo) -> None:
    text = moment(at, zone).isoformat()

    assert first_due(TimerKind.DATE, text, now, ZoneInfo("UTC")).at == at


@given(NOWS | NEAR_A_SWITCH, st.integers(1, 30), ZONES)
def test_a_cron_time_is_always_later_and_where_the_pattern_says(now: int, step: int, zone: ZoneInfo) -> None:
    pattern = f"*/{step} * * * *"
    first = first_due(TimerKind.CYCLE, pattern, now, zone)
    dues = [now, first.at]
    for _ in range(5):
        dues.append(next_due(pattern, dues[-1], zone))

    assert all(earlier < later for earlier, later in pairwise(dues))
    assert all(moment(due, zone).minute % step == 0 for due in dues[1:])
    assert all(due % 60_000 == 0 for due in dues[1:])
    assert first.repetitions == ENDLESS


@given(
    st.sampled_from(TimerKind),
    # Too short for a date or cron, without P for a duration, without @ for cron's names.
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="P@"), max_size=8)
    | st.none()
    | st.integers()
    | st.booleans(),
)
def test_any_other_value_is_refused_and_never_crashes(kind: TimerKind, value: object) -> None:
    with pytest.raises(Stuck, match="cannot be read"):
        first_due(kind, value, 0, ZoneInfo("UTC"))
