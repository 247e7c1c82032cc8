"""When timers are due: dates, durations and cycles (BPMN 2.0 section 10.5.5.8, ISO 8601, cron)."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from procession import feel
from procession.engine.records import IncidentType
from procession.engine.run import EPOCH, Stuck
from procession.model import TimerKind

ENDLESS = -1
_CYCLE = re.compile(r"R(?P<count>\d*)/(?:(?P<start>[^P/][^/]*)/)?(?P<interval>P[^/]+)")

_DURATION = re.compile(
    r"(?P<sign>-?)P(?P<months>(?:\d+Y)?(?:\d+M)?)(?:(?P<weeks>\d+)W)?(?P<rest>(?:\d+D)?(?:T[0-9.HMS]+)?)"
)
_PLUS = feel.compile("start + part")
_PLUS_TEXT = feel.compile("start + duration(part)")


class Due(msgspec.Struct, frozen=True):
    """When a timer fires first, and how it goes on."""

    at: int
    """Epoch milliseconds."""
    cycle: str | None = None
    repetitions: int = 1


def milliseconds(moment: datetime) -> int:
    """Epoch milliseconds, rounded up: a timer is never early."""
    return -((EPOCH - moment) // timedelta(milliseconds=1))


def moment(at: int, zone: ZoneInfo) -> datetime:
    """The aware time of epoch milliseconds."""
    return (EPOCH + timedelta(milliseconds=at)).astimezone(zone)


def first_due(kind: TimerKind, value: Any, now: int, zone: ZoneInfo) -> Due:
    """The first due time of a timer whose evaluated value is `value`.

    Raises:
        Stuck: the value is no date, duration or cycle.
    """
    try:
        if kind is TimerKind.DATE:
            return Due(milliseconds(_date(value, zone)))
        if kind is TimerKind.DURATION:
            return Due(milliseconds(add_duration(moment(now, zone), value)))
        return _first_cycle(value, now, zone)
    except (ValueError, OverflowError, TypeError) as error:
        raise Stuck(
            IncidentType.EXTRACT_VALUE_ERROR.value,
            f"the timer's {kind.value} {value!r} cannot be read: {error}",
        ) from error


def next_due(cycle: str, previous: int, zone: ZoneInfo) -> int:
    """The due time after `previous`: repetitions count from there, so they do not drift."""
    match = _CYCLE.fullmatch(cycle)
    if match is None:
        return _cron(cycle, previous, zone)
    return milliseconds(add_duration(moment(previous, zone), match["interval"]))


def _first_cycle(value: Any, now: int, zone: ZoneInfo) -> Due:
    if not isinstance(value, str):
        raise ValueError("a cycle is a text such as R3/PT10S or 0 0 9 * * MON-FRI")
    match = _CYCLE.fullmatch(value)
    if match is None:
        return Due(_cron(value, now, zone), value, ENDLESS)
    count = int(match["count"]) if match["count"] else ENDLESS
    if count == 0:
        raise ValueError("a cycle of no repetitions never fires")
    if match["start"]:
        start = milliseconds(_date(match["start"], zone))
        return Due(max(start, now), value, count)
    return Due(next_due(value, now, zone), value, count)


def _cron(text: str, after: int, zone: ZoneInfo) -> int:
    from croniter import croniter

    seconds_first = len(text.split()) == 6
    iterator = croniter(text, moment(after, zone), second_at_beginning=seconds_first)
    following: datetime = iterator.get_next(datetime)
    return milliseconds(following)


def _date(value: Any, zone: ZoneInfo) -> datetime:
    if isinstance(value, str):
        value = feel.compile("date and time(text)").evaluate({"text": value})
        if value is None:
            raise ValueError("it is no ISO 8601 date and time")
    if isinstance(value, datetime):
        return value if value.tzinfo is not None else value.replace(tzinfo=zone)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=zone)
    raise ValueError("it is no date and time")


def add_duration(start: datetime, value: Any) -> datetime:
    """`start` plus an ISO 8601 duration (text or FEEL value); months count by the calendar.

    Raises:
        ValueError: it is no duration.
    """
    result: Any = start
    for part in _parts(value) if isinstance(value, str) else (value,):
        expression = _PLUS_TEXT if isinstance(part, str) else _PLUS
        result = expression.evaluate({"start": result, "part": part})
    if not isinstance(result, datetime):
        raise ValueError("it is no ISO 8601 duration")
    return result


def _parts(text: str) -> list[str]:
    """Calendar part and exact part: FEEL has no duration that mixes months and days."""
    match = _DURATION.fullmatch(text.strip())
    if match is None or not (match["months"] or match["weeks"] or match["rest"]):
        raise ValueError("it is no ISO 8601 duration")
    sign = match["sign"]
    parts = [f"{sign}P{match['months']}"] if match["months"] else []
    if match["weeks"]:
        parts.append(f"{sign}P{int(match['weeks']) * 7}D")
    if match["rest"]:
        parts.append(f"{sign}P{match['rest']}")
    return parts
