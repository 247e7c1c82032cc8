"""FEEL values that Python has no type for, and what becomes of any value in JSON.

| FEEL | Python |
|---|---|
| number | int, or Decimal with at most 34 digits (floats are not numbers) |
| string, boolean, null | str, bool, None |
| list, context | list, dict with str keys |
| date, time, date and time | datetime.date, datetime.time, datetime.datetime |
| days and time duration | datetime.timedelta |
| years and months duration | YearsMonths |
| range, function | Range, Function |

Times are exact to the microsecond and years run from 1 to 9999, which is what Python's own types
hold; finer fractions are cut off. timedelta was chosen over an own value with nanoseconds because
every Python caller can use it as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from procession.feel.errors import FeelError
from procession.feel.nodes import Type
from procession.feel.temporal import YearsMonths, format_hours, format_temporal


class Range(msgspec.Struct, frozen=True, kw_only=True):
    """An interval.

    An `endless` one stems from a comparison such as `(> 5)`, and a bound of None means that there
    is none; in any other range a bound of None is an unknown one.
    """

    start: Any
    end: Any
    start_included: bool
    end_included: bool
    endless: bool = False


class Function:
    """A function value: `parameters` are its names in order, `call` takes the arguments in order.

    A variadic one (a built-in function) checks the number and types of its arguments by itself.
    """

    __slots__ = ("call", "parameters", "types", "variadic")

    def __init__(
        self,
        parameters: tuple[str, ...],
        call: Callable[..., Any],
        types: tuple[Type | None, ...] = (),
        *,
        variadic: bool = False,
    ) -> None:
        self.parameters = parameters
        self.call = call
        self.types = types
        self.variadic = variadic


MAX_JSON = 1_000_000
"""Most values a result may hold, counting those within lists and contexts, each time they occur."""


def to_json(value: Any) -> Any:
    """Map a FEEL value to plain JSON types as Zeebe does.

    Dates, times and durations become ISO 8601 strings, a days and time duration counted in hours
    (`P1DT2H` is `PT26H`); ranges and functions become null. Numbers stay int or Decimal: arithmetic
    already made whole results int, and a number that was only passed on keeps its form (1.0 stays
    1.0); encode Decimals as JSON numbers. Raises FeelError for a value nested too deeply or of more
    than a million values.
    """
    try:
        return _Writer().plain(value)
    except RecursionError:
        raise FeelError("the value is nested too deeply to be written as JSON") from None


class _Writer:
    """Counts what it writes: lists that share their items can be far larger than they cost to make."""

    __slots__ = ("_count",)

    def __init__(self) -> None:
        self._count = 0

    def plain(self, value: Any) -> Any:
        kind = type(value)
        if kind is list:
            self._take(len(value))
            return [self.plain(item) for item in value]
        if kind is dict:
            self._take(len(value))
            return {name: self.plain(entry) for name, entry in value.items()}
        if kind in _PLAIN:
            return value
        writer = _WRITERS.get(kind)
        return writer(value) if writer is not None else None

    def _take(self, count: int) -> None:
        self._count += count
        if self._count > MAX_JSON:
            raise FeelError(f"the value holds more than {MAX_JSON} values")


_PLAIN = frozenset({type(None), bool, int, float, Decimal, str})
_WRITERS: dict[type, Callable[[Any], str]] = {
    **dict.fromkeys((date, time, datetime, YearsMonths), format_temporal),
    timedelta: format_hours,
}
