"""Dates, times and durations: ISO 8601 texts in and out, and arithmetic on the time line."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from functools import partial
from typing import Any, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

_DATE = r"(-?[0-9]{4,9})-([0-9]{2})-([0-9]{2})"
_TIME = r"([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?"
_ZONE = r"(Z|z|[+-][0-9]{2}:[0-9]{2}(?::[0-9]{2})?|@[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+)*)?"
_DATE_TEXT = re.compile(_DATE, re.ASCII)
_TIME_TEXT = re.compile(f"T?{_TIME}{_ZONE}", re.ASCII)
_DATETIME_TEXT = re.compile(f"{_DATE}T{_TIME}{_ZONE}", re.ASCII)
_DAYS_TEXT = re.compile(
    r"(-)?P(?:([0-9]{1,12})D)?(T(?:([0-9]{1,12})H)?(?:([0-9]{1,12})M)?(?:([0-9]{1,12})(?:\.([0-9]*))?S)?)?"
)
_WEEKS_TEXT = re.compile(r"(-)?P([0-9]{1,9})W")
_MONTHS_TEXT = re.compile(r"(-)?P(?:([0-9]{1,9})Y)?(?:([0-9]{1,9})M)?")

_T = TypeVar("_T")

_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)
_MICROSECOND = timedelta(microseconds=1)


class YearsMonths(msgspec.Struct, frozen=True, order=True):
    """A years and months duration, in months; negative ones run backwards."""

    months: int


def parse_date(text: str) -> date | None:
    """`2024-02-29`; None if the text is no date."""
    found = _DATE_TEXT.fullmatch(text)
    return _attempt(lambda: _date(found)) if found else None


def parse_time(text: str) -> time | None:
    """`10:30:00`, with fraction and offset or `@Europe/Paris` if wanted; None if it is no time."""
    found = _TIME_TEXT.fullmatch(text)
    return _attempt(lambda: _time(found, 1)) if found else None


def parse_datetime(text: str) -> datetime | None:
    """`2024-02-29T10:30:00`, with fraction and zone if wanted; None if it is no date and time."""
    found = _DATETIME_TEXT.fullmatch(text)
    if found is None:
        return None
    if found.group(4) == "24":
        return None
    return _attempt(lambda: datetime.combine(_date(found), _time(found, 4)))


def parse_duration(text: str) -> timedelta | YearsMonths | None:
    """`P1DT2H` or `P1Y2M` (`P2W` is fourteen days); None if it is no duration."""
    for parse in _DURATIONS:
        value = _attempt(partial(parse, text))
        if value is not None:
            return value
    return None


def parse_temporal(text: str) -> Any:
    """What an at-literal means; None if it means nothing."""
    for parse in _PARSERS:
        value = parse(text)
        if value is not None:
            return value
    return None


def parse_offset(text: str) -> tzinfo | None:
    """`Z`, `+02:00` or `@Europe/Paris`; None for an unknown zone."""
    return _attempt(lambda: _zone(text))


def _attempt(make: Callable[[], _T]) -> _T | None:
    try:
        return make()
    except (ValueError, OverflowError, OSError, ZoneInfoNotFoundError):  # out of range, or no such zone
        return None


def _date(found: re.Match[str] | None) -> date:
    assert found is not None
    return date(int(found.group(1)), int(found.group(2)), int(found.group(3)))


def _time(found: re.Match[str] | None, first: int) -> time:
    assert found is not None
    hour, minute, second, fraction, zone = found.groups()[first - 1 : first + 4]
    micro = int((fraction or "0")[:6].ljust(6, "0"))
    return time(int(hour), int(minute), int(second), micro, tzinfo=_zone(zone) if zone else None)


def _zone(text: str) -> tzinfo:
    if text in ("Z", "z"):
        return UTC
    if text.startswith("@"):
        return ZoneInfo(text[1:])
    hours, minutes, *seconds = (int(part) for part in text[1:].split(":"))
    if hours > 18 or minutes > 59:
        raise ValueError("an offset is at most 18 hours")
    size = timedelta(hours=hours, minutes=minutes, seconds=sum(seconds))
    return timezone(-size if text[0] == "-" else size)


def _months(text: str) -> YearsMonths | None:
    found = _MONTHS_TEXT.fullmatch(text)
    if found is None or found.group(2) is found.group(3) is None:
        return None
    months = int(found.group(2) or 0) * 12 + int(found.group(3) or 0)
    return YearsMonths(-months if found.group(1) else months)


def _days(text: str) -> timedelta | None:
    found = _DAYS_TEXT.fullmatch(text)
    if found is None or text.endswith(("T", "P")):
        return None
    sign, days, _, hours, minutes, seconds, fraction = found.groups()
    size = timedelta(
        days=int(days or 0),
        hours=int(hours or 0),
        minutes=int(minutes or 0),
        seconds=int(seconds or 0),
        microseconds=int((fraction or "0")[:6].ljust(6, "0")),
    )
    return -size if sign else size


def _weeks(text: str) -> timedelta | None:
    found = _WEEKS_TEXT.fullmatch(text)
    if found is None:
        return None
    weeks = int(found.group(2))
    return timedelta(weeks=-weeks if found.group(1) else weeks)


_DURATIONS: tuple[Callable[[str], timedelta | YearsMonths | None], ...] = (_months, _days, _weeks)
_PARSERS: tuple[Callable[[str], Any], ...] = (parse_datetime, parse_date, parse_time, parse_duration)


def add_months(value: date, months: int) -> date:
    """The date (or date and time) so many months later, on the month's last day at most.

    Raises ValueError or OverflowError outside the years 1 to 9999.
    """
    year, month = divmod(value.year * 12 + value.month - 1 + months, 12)
    day = min(value.day, monthrange(year, month + 1)[1])
    return value.replace(year=year, month=month + 1, day=day)


def shift(value: datetime, duration: timedelta) -> datetime:
    """Move along the time line: an hour later is an hour later even when the clocks change."""
    if value.tzinfo is None or isinstance(value.tzinfo, timezone):
        return value + duration
    return (value.astimezone(UTC) + duration).astimezone(value.tzinfo)


def elapsed(later: datetime, earlier: datetime) -> timedelta:
    """The time between two moments, both with or both without a zone. Raises TypeError otherwise."""
    if later.tzinfo is not None and earlier.tzinfo is not None:
        return later.astimezone(UTC) - earlier.astimezone(UTC)
    return later - earlier


def time_offset(value: time | datetime) -> timedelta | None:
    """The offset from UTC; None without one, or for a time in a zone whose offset depends on the date."""
    return value.utcoffset()


def time_of_day(value: time) -> timedelta:
    """The time since midnight, in UTC where the offset is known."""
    size = timedelta(
        hours=value.hour, minutes=value.minute, seconds=value.second, microseconds=value.microsecond
    )
    return size - (value.utcoffset() or timedelta())


def shift_time(value: time, duration: timedelta) -> time:
    """Move a time around the clock."""
    moved = datetime.combine(date(2000, 1, 1), value.replace(tzinfo=None)) + duration % _DAY
    return moved.time().replace(tzinfo=value.tzinfo)


def format_temporal(value: Any) -> str:
    """The text FEEL's string() gives, which parses to the same value again."""
    return _FORMATS[type(value)](value)


def _format_date(value: date) -> str:
    return f"{value.year:04d}-{value.month:02d}-{value.day:02d}"


def _format_time(value: time | datetime) -> str:
    text = f"{value.hour:02d}:{value.minute:02d}:{value.second:02d}{_fraction(value.microsecond)}"
    return text + _format_zone(value.tzinfo)


def _format_datetime(value: datetime) -> str:
    return f"{_format_date(value)}T{_format_time(value)}"


def _fraction(micro: int) -> str:
    return f".{micro:06d}".rstrip("0") if micro else ""


def _format_zone(zone: tzinfo | None) -> str:
    if zone is None:
        return ""
    if isinstance(zone, ZoneInfo):
        return "Z" if zone.key == "UTC" else f"@{zone.key}"
    offset = zone.utcoffset(None) or timedelta()
    if not offset:
        return "Z"
    sign = "-" if offset < timedelta() else "+"
    minutes, seconds = divmod(abs(offset) // _SECOND, 60)
    return f"{sign}{minutes // 60:02d}:{minutes % 60:02d}" + (f":{seconds:02d}" if seconds else "")


def _format_months(value: YearsMonths) -> str:
    years, months = divmod(abs(value.months), 12)
    parts = (f"{years}Y" if years else "") + (f"{months}M" if months else "")
    return ("-" if value.months < 0 else "") + "P" + (parts or "0M")


def _format_days(value: timedelta) -> str:
    sign = "-" if value < timedelta() else ""
    size = abs(value)
    clock = _clock(size % _DAY)
    days = f"{size.days}D" if size.days else ""
    return f"{sign}P{days}{'T' + clock if clock else ''}" if days or clock else "PT0S"


def _clock(size: timedelta) -> str:
    seconds, micro = divmod(size // _MICROSECOND, 1_000_000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    text = (f"{hours}H" if hours else "") + (f"{minutes}M" if minutes else "")
    return text + (f"{seconds}{_fraction(micro)}S" if seconds or micro else "")


def format_hours(value: timedelta) -> str:
    """A duration with its days counted as hours, as Zeebe writes it into variables."""
    sign = "-" if value < timedelta() else ""
    return f"{sign}PT{_clock(abs(value)) or '0S'}"


_FORMATS: dict[type, Callable[[Any], str]] = {
    date: _format_date,
    time: _format_time,
    datetime: _format_datetime,
    YearsMonths: _format_months,
    timedelta: _format_days,
}
