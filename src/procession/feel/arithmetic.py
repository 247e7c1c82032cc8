"""The arithmetic operators, by the types of their operands (DMN 1.5 tables 54 to 60)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from procession.feel.errors import FeelError
from procession.feel.numbers import CONTEXT, NUMBERS, WHOLE, Numeric, normal, rounded
from procession.feel.scope import EvaluationScope, fault
from procession.feel.temporal import YearsMonths, add_months, elapsed, shift, shift_time, time_of_day
from procession.feel.typecheck import type_name

MAX_STRING = 4_000_000
"""Longest string an operation may make, in characters."""

_FREE = 1000
"""Strings up to this length cost nothing to make; each further hundred characters cost a step."""

_LOW = -WHOLE
_Operation = Callable[[Any, Any], Any]
_Table = dict[tuple[type, type], _Operation]


def charge_text(length: int, scope: EvaluationScope | None) -> None:
    """Pay for making a string of that length. Raises FeelError when it is too long."""
    if length > _FREE:
        if length > MAX_STRING:
            raise FeelError(f"a string would have more than {MAX_STRING} characters")
        if scope is not None:
            scope.tick(length // 100)


def add(a: Any, b: Any, scope: EvaluationScope | None) -> Any:
    """`a + b`."""
    if type(a) is int and type(b) is int:
        total = a + b
        return total if _LOW < total < WHOLE else rounded(total)
    if type(a) is str and type(b) is str:
        charge_text(len(a) + len(b), scope)
        return a + b
    return _operate(_ADD, "+", a, b, scope)


def subtract(a: Any, b: Any, scope: EvaluationScope | None) -> Any:
    """`a - b`."""
    if type(a) is int and type(b) is int:
        difference = a - b
        return difference if _LOW < difference < WHOLE else rounded(difference)
    return _operate(_SUBTRACT, "-", a, b, scope)


def multiply(a: Any, b: Any, scope: EvaluationScope | None) -> Any:
    """`a * b`."""
    if type(a) is int and type(b) is int and _LOW < a < WHOLE and _LOW < b < WHOLE:
        product = a * b
        return product if _LOW < product < WHOLE else rounded(product)
    return _operate(_MULTIPLY, "*", a, b, scope)


def divide(a: Any, b: Any, scope: EvaluationScope | None) -> Any:
    """`a / b`; dividing by zero gives null."""
    return _operate(_DIVIDE, "/", a, b, scope)


def power(a: Any, b: Any, scope: EvaluationScope | None) -> Any:
    """`a ** b`."""
    return _operate(_POWER, "**", a, b, scope)


def negate(a: Any, scope: EvaluationScope | None) -> Any:
    """`-a` for numbers and durations."""
    if type(a) in NUMBERS or type(a) is timedelta:
        return -a if type(a) is not Decimal else CONTEXT.minus(a)
    if type(a) is YearsMonths:
        return YearsMonths(-a.months)
    return fault(scope, f"cannot negate {type_name(a)}")


def _operate(table: _Table, symbol: str, a: Any, b: Any, scope: EvaluationScope | None) -> Any:
    operation = table.get((type(a), type(b)))
    if operation is None:
        return fault(scope, f"cannot compute {type_name(a)} {symbol} {type_name(b)}")
    try:
        return operation(a, b)
    except (ArithmeticError, ValueError, TypeError) as problem:
        # Division by zero, out of range, or moments with and without a zone.
        return fault(scope, f"{type_name(a)} {symbol} {type_name(b)} has no result: {type(problem).__name__}")


def _numeric(operation: Callable[[Numeric, Numeric], Decimal]) -> _Table:
    def number(a: Numeric, b: Numeric) -> Numeric:
        return normal(operation(a, b))

    return {(a, b): number for a in NUMBERS for b in NUMBERS}


def midnight(value: date) -> datetime:
    """A date as a moment (DMN 1.5 section 10.3.2.3.6: midnight UTC)."""
    return datetime(value.year, value.month, value.day, tzinfo=UTC)


def _date_after(a: date, b: timedelta) -> date:
    return (datetime(a.year, a.month, a.day) + b).date()


def _months_after(a: Any, b: YearsMonths) -> date:
    return add_months(a, b.months)


def _scaled_days(a: timedelta, b: Numeric) -> timedelta:
    micro = CONTEXT.multiply(_microseconds(a), b)
    return timedelta(microseconds=int(micro))


def _divided_days(a: timedelta, b: Numeric) -> timedelta:
    return timedelta(microseconds=int(CONTEXT.divide(_microseconds(a), b)))


def _microseconds(value: timedelta) -> Decimal:
    return Decimal(value // timedelta(microseconds=1))


def _scaled_months(a: YearsMonths, b: Numeric) -> YearsMonths:
    return _bounded(int(CONTEXT.multiply(a.months, b)))


def _divided_months(a: YearsMonths, b: Numeric) -> YearsMonths:
    return _bounded(int(CONTEXT.divide(a.months, b)))


def _bounded(months: int) -> YearsMonths:
    if abs(months) >= WHOLE:
        raise OverflowError("a duration is too long")
    return YearsMonths(months)


def _ratio(a: timedelta, b: timedelta) -> Numeric:
    return normal(CONTEXT.divide(_microseconds(a), _microseconds(b)))


def _times_apart(a: time, b: time) -> timedelta:
    if (a.tzinfo is None) is not (b.tzinfo is None):
        raise TypeError("only one of the times has a zone")
    return time_of_day(a) - time_of_day(b)


_ADD: _Table = {
    **_numeric(CONTEXT.add),
    (date, timedelta): _date_after,
    (timedelta, date): lambda a, b: _date_after(b, a),
    (datetime, timedelta): shift,
    (timedelta, datetime): lambda a, b: shift(b, a),
    (time, timedelta): shift_time,
    (timedelta, time): lambda a, b: shift_time(b, a),
    (timedelta, timedelta): lambda a, b: a + b,
    (date, YearsMonths): _months_after,
    (datetime, YearsMonths): _months_after,
    (YearsMonths, date): lambda a, b: _months_after(b, a),
    (YearsMonths, datetime): lambda a, b: _months_after(b, a),
    (YearsMonths, YearsMonths): lambda a, b: _bounded(a.months + b.months),
}
_SUBTRACT: _Table = {
    **_numeric(CONTEXT.subtract),
    (date, date): lambda a, b: a - b,
    (datetime, datetime): elapsed,
    (date, datetime): lambda a, b: elapsed(midnight(a), b),
    (datetime, date): lambda a, b: elapsed(a, midnight(b)),
    (time, time): _times_apart,
    (date, timedelta): lambda a, b: _date_after(a, -b),
    (datetime, timedelta): lambda a, b: shift(a, -b),
    (time, timedelta): lambda a, b: shift_time(a, -b),
    (timedelta, timedelta): lambda a, b: a - b,
    (date, YearsMonths): lambda a, b: add_months(a, -b.months),
    (datetime, YearsMonths): lambda a, b: add_months(a, -b.months),
    (YearsMonths, YearsMonths): lambda a, b: _bounded(a.months - b.months),
}
_MULTIPLY: _Table = {
    **_numeric(CONTEXT.multiply),
    **{(timedelta, kind): _scaled_days for kind in NUMBERS},
    **{(YearsMonths, kind): _scaled_months for kind in NUMBERS},
    **{(kind, timedelta): lambda a, b: _scaled_days(b, a) for kind in NUMBERS},
    **{(kind, YearsMonths): lambda a, b: _scaled_months(b, a) for kind in NUMBERS},
}
_DIVIDE: _Table = {
    **_numeric(CONTEXT.divide),
    **{(timedelta, kind): _divided_days for kind in NUMBERS},
    **{(YearsMonths, kind): _divided_months for kind in NUMBERS},
    (timedelta, timedelta): _ratio,
    (YearsMonths, YearsMonths): lambda a, b: normal(CONTEXT.divide(a.months, b.months)),
}
_POWER: _Table = _numeric(CONTEXT.power)
