"""FEEL's number: 34 decimal digits, rounded half even (DMN 1.5 section 10.3.2.3.1).

Whole results are int, everything else Decimal, so equal numbers print alike and cost little.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Context, Decimal, DivisionByZero, InvalidOperation, Overflow

Numeric = int | Decimal

CONTEXT = Context(
    prec=34,
    rounding=ROUND_HALF_EVEN,
    Emin=-6143,
    Emax=6144,
    traps=[InvalidOperation, DivisionByZero, Overflow],
)
WHOLE = 10**34
"""Integers below this in size are exact."""

NUMBERS = frozenset({int, Decimal})


def normal(value: Decimal) -> Numeric:
    """The number as int if it is whole and exact."""
    if -WHOLE < value < WHOLE:
        whole = int(value)
        if whole == value:
            return whole
    return value


def rounded(value: int) -> Numeric:
    """An integer result of arithmetic, with at most 34 digits."""
    return value if -WHOLE < value < WHOLE else CONTEXT.create_decimal(value)


def parse_number(text: str) -> Numeric:
    """A number literal. Raises ArithmeticError when it is out of range."""
    return normal(CONTEXT.create_decimal(text))


def format_number(value: Numeric) -> str:
    """Plain digits, without an exponent where that is at most 34 digits or places."""
    if isinstance(value, int):
        return str(value) if -WHOLE < value < WHOLE else str(CONTEXT.create_decimal(value))
    shown = normal(value)
    if isinstance(shown, int):
        return str(shown)
    return format(value, "f") if value.adjusted() > -40 and -WHOLE < value < WHOLE else str(value)
