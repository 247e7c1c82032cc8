"""Constant timers: ISO 8601 dates, durations and repeating intervals, and cron."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

from croniter import CroniterBadDateError, croniter

from procession.model import TimerKind

_DATE = re.compile(
    r"(?P<moment>\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?)"
    r"(?P<offset>Z|[+-]\d\d:\d\d)?(\[(?P<zone>[\w/+-]+)\])?"
)
_DURATION = re.compile(
    r"P(?=.)(#Y)?(#M)?(#W)?(#D)?(T(?=.)(#H)?(#M)?(#([.,]#)?S)?)?".replace("#", r"\d{1,9}"), re.ASCII
)
_REPEAT = re.compile(r"R(?P<count>\d{0,9})/((?P<start>[^/]+)/)?(?P<period>[^/]+)", re.ASCII)
_MAX_CRON = 200
_SOME_DAY = datetime(2000, 1, 1)  # fixed, so that a verdict never depends on the clock


def problem(kind: TimerKind, value: str) -> str | None:
    """What is wrong with a constant timer, as the end of a sentence about it; None if nothing is."""
    return _CHECKS[kind](value)


def _date(value: str) -> str | None:
    return None if _is_date(value) else "is no ISO 8601 date and time, such as 2030-01-31T09:00:00Z"


def _is_date(value: str) -> bool:
    match = _DATE.fullmatch(value)
    if match is None:
        return False
    moment = match["moment"].partition(".")[0]  # Python reads no more than six digits of a fraction
    try:
        datetime.fromisoformat(moment + (match["offset"] or ""))
        return match["zone"] is None or bool(ZoneInfo(match["zone"]))
    except (ValueError, KeyError, OSError):
        return False


def _duration(value: str) -> str | None:
    return None if _DURATION.fullmatch(value) else "is no ISO 8601 duration, such as PT15M or P2D"


def _cycle(value: str) -> str | None:
    return _repeat(value) if value.startswith("R") else _cron(value)


def _repeat(value: str) -> str | None:
    match = _REPEAT.fullmatch(value)
    if match is None or _duration(match["period"]) or (match["start"] and _date(match["start"])):
        return "is no ISO 8601 repeating interval, such as R3/PT10S or R/P1D"
    if match["count"] and int(match["count"]) == 0:
        return "repeats zero times; use R without a number for ever"
    return None if re.search("[1-9]", match["period"]) else "repeats without a pause; give it a period"


def _cron(value: str) -> str | None:
    if not 0 < len(value) <= _MAX_CRON or not croniter.is_valid(value, second_at_beginning=True):
        return (
            "is neither an ISO 8601 repeating interval, such as R/PT1H, nor cron, such as 0 0 9 * * MON-FRI"
        )
    try:
        croniter(value, _SOME_DAY, second_at_beginning=True).get_next()
    except CroniterBadDateError:
        return "never comes, as no such day exists"
    return None


_CHECKS: dict[TimerKind, Callable[[str], str | None]] = {
    TimerKind.DATE: _date,
    TimerKind.DURATION: _duration,
    TimerKind.CYCLE: _cycle,
}
