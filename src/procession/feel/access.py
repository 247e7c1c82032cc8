"""Reaching into values: paths, properties, filters and indexes (DMN 1.5 sections 10.3.2.5 and 10.3.2.14)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from procession.feel.numbers import NUMBERS, normal
from procession.feel.scope import EvaluationScope, fault
from procession.feel.temporal import YearsMonths, time_offset
from procession.feel.typecheck import type_name
from procession.feel.values import Range


def missing(name: str, scope: EvaluationScope | None) -> Any:
    """The null of a variable that is not there."""
    return fault(scope, f"there is no variable named {name!r}")


def path(source: Any, name: str, scope: EvaluationScope | None) -> Any:
    """`source.name`: an entry of a context, of every item of a list, or a property of a value."""
    kind = type(source)
    if kind is dict:
        if name in source:
            return source[name]
        return fault(scope, f"the context has no entry named {name!r}")
    if kind is list:
        if scope is not None:
            scope.tick(len(source))
        return [path(item, name, scope) for item in source]
    properties = _PROPERTIES.get(kind)
    if properties is None or name not in properties:
        return fault(scope, f"{type_name(source)} has no property named {name!r}")
    return properties[name](source)


def select(source: Any, test: Callable[[Any], Any], scope: EvaluationScope) -> Any:
    """`source[test]`: the items for which the test holds, or one item if it gives a number.

    What is not a list is filtered as a list of one.
    """
    items = source if type(source) is list else [] if source is None else [source]
    kept: list[Any] = []
    scope.tick(len(items))
    for at, item in enumerate(items):
        outcome = test(item)
        if outcome is True:
            kept.append(item)
        elif at == 0 and type(outcome) in NUMBERS:
            return index(source, outcome, scope)
    if not items and type(test(None)) in NUMBERS:
        return index(source, 0, scope)
    return kept


def index(source: Any, position: Any, scope: EvaluationScope | None) -> Any:
    """The item at a position, counted from 1, or from the end when negative; null outside."""
    items = source if type(source) is list else [source]
    at = normal(position) if type(position) is Decimal else position
    if type(at) is not int:
        return fault(scope, "a list is indexed by a whole number")
    if 1 <= at <= len(items):
        return items[at - 1]
    if -len(items) <= at <= -1:
        return items[at]
    return fault(scope, f"a list of {len(items)} items has none at position {at}")


def has_entry(item: Any, name: str) -> bool:
    """Whether a name inside a filter means an entry of the item."""
    return isinstance(item, Mapping) and name in item


def _weekday(value: date) -> int:
    return value.isoweekday()


def _offset(value: time | datetime) -> timedelta | None:
    return time_offset(value)


def _zone_name(value: time | datetime) -> str | None:
    return value.tzinfo.key if isinstance(value.tzinfo, ZoneInfo) else None


def _part(unit: timedelta, modulus: int | None) -> Callable[[timedelta], int]:
    def part(value: timedelta) -> int:
        size = abs(value) // unit
        size = size % modulus if modulus else size
        return -size if value < timedelta() else size

    return part


def _truncated(months: int, divisor: int) -> int:
    size = abs(months) // divisor
    return -size if months < 0 else size


_Properties = dict[str, Callable[[Any], Any]]
_DATE: _Properties = {
    "year": lambda value: value.year,
    "month": lambda value: value.month,
    "day": lambda value: value.day,
    "weekday": _weekday,
}
_TIME: _Properties = {
    "hour": lambda value: value.hour,
    "minute": lambda value: value.minute,
    "second": lambda value: value.second,
    "time offset": _offset,
    "timezone": _zone_name,
}
_PROPERTIES: dict[type, _Properties] = {
    date: _DATE,
    time: _TIME,
    datetime: {**_DATE, **_TIME},
    timedelta: {
        "days": _part(timedelta(days=1), None),
        "hours": _part(timedelta(hours=1), 24),
        "minutes": _part(timedelta(minutes=1), 60),
        "seconds": _part(timedelta(seconds=1), 60),
    },
    YearsMonths: {
        "years": lambda value: _truncated(value.months, 12),
        "months": lambda value: value.months - 12 * _truncated(value.months, 12),
    },
    Range: {
        "start": lambda value: value.start,
        "end": lambda value: value.end,
        "start included": lambda value: value.start_included,
        "end included": lambda value: value.end_included,
    },
}
