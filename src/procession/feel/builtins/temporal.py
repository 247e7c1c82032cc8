"""Date and time functions (DMN 1.5 tables 79 and 81, and Camunda's `last day of month`)."""

from __future__ import annotations

from calendar import monthrange
from datetime import date, datetime

from procession.feel.builtins.registry import builtin
from procession.feel.scope import EvaluationScope

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_DATE = "date: date | date and time"


@builtin("now", scoped=True)
def now(scope: EvaluationScope) -> datetime:
    """The current date and time in the scope's time zone."""
    return scope.now


@builtin("today", scoped=True)
def today(scope: EvaluationScope) -> date:
    """The current date in the scope's time zone."""
    return scope.now.date()


@builtin("day of week", _DATE)
def day_of_week(day: date) -> str:
    """The English name of the day."""
    return _DAYS[day.weekday()]


@builtin("day of year", _DATE)
def day_of_year(day: date) -> int:
    """The number of the day in its year, from 1."""
    return day.timetuple().tm_yday


@builtin("week of year", _DATE)
def week_of_year(day: date) -> int:
    """The number of the week as ISO 8601 counts them."""
    return day.isocalendar().week


@builtin("month of year", _DATE)
def month_of_year(day: date) -> str:
    """The English name of the month."""
    return _MONTHS[day.month - 1]


@builtin("last day of month", _DATE)
def last_day_of_month(day: date) -> date:
    """The last date of the month."""
    return date(day.year, day.month, monthrange(day.year, day.month)[1])
