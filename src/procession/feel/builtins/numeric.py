"""Numeric functions (DMN 1.5 table 77, and Camunda's `random number`)."""

from __future__ import annotations

from datetime import timedelta
from decimal import (
    ROUND_CEILING,
    ROUND_DOWN,
    ROUND_FLOOR,
    ROUND_HALF_DOWN,
    ROUND_HALF_EVEN,
    ROUND_HALF_UP,
    ROUND_UP,
    Decimal,
)
from typing import Any

from procession.feel.builtins.registry import builtin
from procession.feel.errors import Fault
from procession.feel.numbers import CONTEXT, Numeric, normal
from procession.feel.scope import EvaluationScope
from procession.feel.temporal import YearsMonths

_MAX_SCALE, _MIN_SCALE = 6176, -6111


def _rounded(number: Numeric, scale: Numeric, rounding: str) -> Numeric:
    places = int(scale)
    if not _MIN_SCALE <= places <= _MAX_SCALE:
        raise Fault(f"the scale must be from {_MIN_SCALE} to {_MAX_SCALE}")
    value = Decimal(number)
    exponent = value.as_tuple().exponent
    if isinstance(exponent, int) and exponent >= -places:
        return normal(value)
    return normal(value.quantize(Decimal(1).scaleb(-places), rounding=rounding, context=CONTEXT))


@builtin("decimal", "n: number, scale: number")
def decimal(n: Numeric, scale: Numeric) -> Numeric:
    """Rounded to a number of decimal places, half to even."""
    return _rounded(n, scale, ROUND_HALF_EVEN)


@builtin("floor", "n: number, scale: number?")
def floor(n: Numeric, scale: Numeric = 0) -> Numeric:
    """Rounded towards negative infinity."""
    return _rounded(n, scale, ROUND_FLOOR)


@builtin("ceiling", "n: number, scale: number?")
def ceiling(n: Numeric, scale: Numeric = 0) -> Numeric:
    """Rounded towards positive infinity."""
    return _rounded(n, scale, ROUND_CEILING)


@builtin("round up", "n: number, scale: number?")
def round_up(n: Numeric, scale: Numeric = 0) -> Numeric:
    """Rounded away from zero."""
    return _rounded(n, scale, ROUND_UP)


@builtin("round down", "n: number, scale: number?")
def round_down(n: Numeric, scale: Numeric = 0) -> Numeric:
    """Rounded towards zero."""
    return _rounded(n, scale, ROUND_DOWN)


@builtin("round half up", "n: number, scale: number?")
def round_half_up(n: Numeric, scale: Numeric = 0) -> Numeric:
    """Rounded to the nearest, halves away from zero."""
    return _rounded(n, scale, ROUND_HALF_UP)


@builtin("round half down", "n: number, scale: number?")
def round_half_down(n: Numeric, scale: Numeric = 0) -> Numeric:
    """Rounded to the nearest, halves towards zero."""
    return _rounded(n, scale, ROUND_HALF_DOWN)


@builtin("abs", "n: number | days and time duration | years and months duration")
def absolute(n: Any) -> Any:
    """The size of a number or duration."""
    if isinstance(n, YearsMonths):
        return YearsMonths(abs(n.months))
    return abs(n) if isinstance(n, int | timedelta) else CONTEXT.abs(n)


@builtin("modulo", "dividend: number, divisor: number")
def modulo(dividend: Numeric, divisor: Numeric) -> Numeric:
    """The remainder, with the sign of the divisor."""
    if isinstance(dividend, int) and isinstance(divisor, int):
        return dividend % divisor
    remainder = CONTEXT.remainder(dividend, divisor)
    if remainder and (remainder < 0) is not (divisor < 0):
        remainder = CONTEXT.add(remainder, divisor)
    return normal(remainder)


@builtin("sqrt", "number: number")
def sqrt(number: Numeric) -> Numeric:
    """The square root; null for negative numbers."""
    return normal(CONTEXT.sqrt(number))


@builtin("log", "number: number")
def log(number: Numeric) -> Numeric:
    """The natural logarithm; null for zero and below."""
    if number <= 0:
        raise Fault("only positive numbers have a logarithm")
    return normal(CONTEXT.ln(number))


@builtin("exp", "number: number")
def exp(number: Numeric) -> Numeric:
    """Euler's number to a power."""
    return normal(CONTEXT.exp(number))


@builtin("odd", "number: number")
def odd(number: Numeric) -> bool:
    """Whether a number is odd."""
    return CONTEXT.remainder(number, 2) in (1, -1)


@builtin("even", "number: number")
def even(number: Numeric) -> bool:
    """Whether a number is even."""
    return CONTEXT.remainder(number, 2) == 0


@builtin("random number", scoped=True)
def random_number(scope: EvaluationScope) -> Numeric:
    """A number from 0 up to 1, from the scope's own source of randomness."""
    return normal(CONTEXT.create_decimal_from_float(scope.random.random()))
