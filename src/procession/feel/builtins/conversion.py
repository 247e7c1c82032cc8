"""Conversion functions (DMN 1.5 table 73) and `not`."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Any

from procession.feel.arithmetic import charge_text
from procession.feel.builtins.registry import builtin
from procession.feel.comparison import equal
from procession.feel.errors import Fault
from procession.feel.numbers import Numeric, normal, parse_number
from procession.feel.scope import EvaluationScope
from procession.feel.temporal import (
    YearsMonths,
    format_temporal,
    parse_date,
    parse_datetime,
    parse_duration,
    parse_offset,
    parse_time,
)
from procession.feel.text import to_text

_NUMBER = re.compile(r"-?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?", re.ASCII)
_ANYTHING = "from: string"


def _found(value: Any, text: str, kind: str) -> Any:
    if value is None:
        raise Fault(f"{text[:60]!r} is no {kind}")
    return value


@builtin("not", "negand: any")
def negation(negand: Any) -> bool | None:
    """The opposite of a boolean; null for anything else."""
    return not negand if type(negand) is bool else None


@builtin("string", "from: any", scoped=True)
def string(scope: EvaluationScope, value: Any) -> str | None:
    """The value as text; null for null."""
    if value is None:
        return None
    text = value if type(value) is str else to_text(value, scope)
    charge_text(len(text), scope)
    return text


@builtin("number", "from: string")
@builtin("number", "from: string, grouping separator: string | null, decimal separator: string | null?")
def number(text: str, grouping: str | None = None, point: str | None = None) -> Numeric:
    """A text as a number; separators are one of space, comma and dot."""
    if grouping not in (None, " ", ",", ".") or point not in (None, ",", ".") or grouping == (point or "?"):
        raise Fault("the separators must be different, and space, comma or dot")
    plain = text.replace(grouping, "") if grouping else text
    plain = plain.replace(point, ".") if point else plain
    if len(plain) > 6000 or not _NUMBER.fullmatch(plain):
        raise Fault(f"{text[:60]!r} is no number")
    return parse_number(plain)


@builtin("number", "from: number")
def number_again(value: Numeric) -> Numeric:
    """A number is a number already."""
    return value


@builtin("date", _ANYTHING)
def date_from_text(text: str) -> date:
    """The date a text spells."""
    found = _found(parse_date(text), text, "date")
    assert isinstance(found, date)
    return found


@builtin("date", "from: date and time | date")
def date_of(moment: date) -> date:
    """The date of a date and time."""
    return moment.date() if isinstance(moment, datetime) else moment


@builtin("date", "year: number, month: number, day: number")
def date_of_parts(year: Numeric, month: Numeric, day: Numeric) -> date:
    """The date of a year, month and day."""
    return date(_whole(year), _whole(month), _whole(day))


def _whole(value: Numeric) -> int:
    whole = value if isinstance(value, int) else normal(value)
    if not isinstance(whole, int):
        raise Fault(f"{value} is no whole number")
    return whole


@builtin("time", _ANYTHING)
def time_from_text(text: str) -> Any:
    """The time a text spells."""
    return _found(parse_time(text), text, "time")


@builtin("time", "from: time | date and time | date")
def time_of(moment: Any) -> time:
    """The time of a date and time; midnight UTC for a date."""
    if isinstance(moment, datetime):
        return moment.timetz()
    return time(tzinfo=UTC) if isinstance(moment, date) else moment


@builtin(
    "time",
    "hour: number, minute: number, second: number, offset: days and time duration | null?",
)
def time_of_parts(hour: Numeric, minute: Numeric, second: Numeric, offset: timedelta | None = None) -> time:
    """The time of its parts, with an offset from UTC if given."""
    whole = int(second)
    micro = int((second - whole) * 1_000_000)
    zone = None if offset is None else timezone(offset)
    return time(_whole(hour), _whole(minute), whole, micro, tzinfo=zone)


@builtin("date and time", _ANYTHING)
def date_and_time_from_text(text: str) -> datetime:
    """The date and time a text spells; a date alone is midnight."""
    moment = parse_datetime(text)
    if moment is None:
        day = _found(parse_date(text), text, "date and time")
        moment = datetime(day.year, day.month, day.day)
    return moment


@builtin("date and time", "from: date and time")
def date_and_time_again(moment: datetime) -> datetime:
    """A date and time is one already."""
    return moment


@builtin("date and time", "date: date | date and time, time: time")
def date_and_time_of_parts(day: date, clock: time) -> datetime:
    """A date at a time of day."""
    return datetime.combine(date_of(day), clock)


@builtin("date and time", "date: date and time, timezone: string")
def date_and_time_in_zone(moment: datetime, zone: str) -> datetime:
    """The same moment in another time zone (Camunda)."""
    wanted = parse_offset(zone if zone[:1] in "@Zz+-" else f"@{zone}")
    return moment.astimezone(_found(wanted, zone, "time zone"))


@builtin("duration", _ANYTHING)
def duration(text: str) -> timedelta | YearsMonths:
    """The duration a text spells, of days and time or of years and months."""
    found = _found(parse_duration(text), text, "duration")
    assert isinstance(found, timedelta | YearsMonths)
    return found


@builtin("duration", "from: days and time duration | years and months duration")
def duration_again(value: timedelta | YearsMonths) -> timedelta | YearsMonths:
    """A duration is one already."""
    return value


@builtin("years and months duration", "from: date | date and time, to: date | date and time")
def years_and_months_duration(start: date, end: date) -> YearsMonths:
    """The whole months between two dates."""
    if start > end if type(start) is type(end) else date_of(start) > date_of(end):
        return YearsMonths(-years_and_months_duration(end, start).months)
    months = (end.year - start.year) * 12 + end.month - start.month
    return YearsMonths(months - (end.day < start.day))


@builtin("is", "value1: any?, value2: any?", scoped=True)
def same(scope: EvaluationScope, value1: Any = None, value2: Any = None) -> bool:
    """Whether two values are the same: of one type, equal, and with the same time zone."""
    if type(value1) is not type(value2):
        return {type(value1).__name__, type(value2).__name__} == {"int", "Decimal"} and value1 == value2
    if isinstance(value1, datetime | time):
        return format_temporal(value1) == format_temporal(value2)
    return equal(value1, value2, scope) is True
