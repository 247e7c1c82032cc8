"""Equality, order, and membership (DMN 1.5 section 10.3.2.13), three-valued throughout."""

from __future__ import annotations

import operator
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from typing import Any

from procession.feel.numbers import NUMBERS
from procession.feel.scope import EvaluationScope, fault
from procession.feel.temporal import YearsMonths, time_of_day
from procession.feel.typecheck import type_name
from procession.feel.values import Function, Range

_PLAIN = frozenset({int, str, bool, date, timedelta, YearsMonths})


def equal(a: Any, b: Any, scope: EvaluationScope | None) -> bool | None:
    """`a = b`: null equals null only; values of different types give null."""
    kind = type(a)
    if kind is type(b) and kind in _PLAIN:
        return bool(a == b)
    if a is None or b is None:
        return a is b
    if kind in NUMBERS and type(b) in NUMBERS:
        return bool(a == b)
    compare = _EQUAL.get(kind)
    if compare is None or kind is not type(b):
        fault(scope, f"cannot compare {type_name(a)} with {type_name(b)}")
        return None
    return compare(a, b, scope)


def unequal(a: Any, b: Any, scope: EvaluationScope | None) -> bool | None:
    """`a != b`."""
    same = equal(a, b, scope)
    return None if same is None else not same


def _equal_lists(a: list[Any], b: list[Any], scope: EvaluationScope | None) -> bool | None:
    if len(a) != len(b):
        return False
    if scope is not None:
        scope.tick(len(a))
    return _all_equal(zip(a, b, strict=True), scope)


def _equal_contexts(a: dict[str, Any], b: dict[str, Any], scope: EvaluationScope | None) -> bool | None:
    if a.keys() != b.keys():
        return False
    if scope is not None:
        scope.tick(len(a))
    return _all_equal(((a[name], b[name]) for name in a), scope)


def _all_equal(pairs: Any, scope: EvaluationScope | None) -> bool | None:
    result: bool | None = True
    for left, right in pairs:
        same = equal(left, right, scope)
        if same is False:
            return False
        if same is None:
            result = None
    return result


def _equal_times(a: time, b: time, scope: EvaluationScope | None) -> bool:
    if (a.tzinfo is None) is not (b.tzinfo is None):
        return False
    return time_of_day(a) == time_of_day(b)


def _equal_ranges(a: Range, b: Range, scope: EvaluationScope | None) -> bool | None:
    if (a.start_included, a.end_included, a.endless) != (b.start_included, b.end_included, b.endless):
        return False
    return _all_equal(((a.start, b.start), (a.end, b.end)), scope)


_EQUAL: dict[type, Callable[[Any, Any, EvaluationScope | None], bool | None]] = {
    list: _equal_lists,
    dict: _equal_contexts,
    time: _equal_times,
    datetime: lambda a, b, scope: bool(a == b),
    Range: _equal_ranges,
    Function: lambda a, b, scope: a is b,
}


def _ordered(symbol: str, test: Callable[[Any, Any], bool]) -> Callable[..., bool | None]:
    def compare(a: Any, b: Any, scope: EvaluationScope | None) -> bool | None:
        kind = type(a)
        if kind in NUMBERS and type(b) in NUMBERS:
            return test(a, b)
        key = _ORDER.get(kind)
        if key is None or kind is not type(b):
            fault(scope, f"cannot compute {type_name(a)} {symbol} {type_name(b)}")
            return None
        try:
            return test(key(a), key(b))
        except TypeError:
            fault(scope, f"cannot order {type_name(a)} values with and without a time zone")
            return None

    return compare


def _itself(value: Any) -> Any:
    return value


def _time_key(value: time) -> Any:
    # Moments and durations cannot be ordered against each other, which is the TypeError wanted.
    return (
        time_of_day(value) if value.tzinfo is None else datetime.min + time_of_day(value) + timedelta(days=2)
    )


_ORDER: dict[type, Callable[[Any], Any]] = {
    **dict.fromkeys((str, date, datetime, timedelta, YearsMonths), _itself),
    time: _time_key,
}

less = _ordered("<", operator.lt)
less_equal = _ordered("<=", operator.le)
greater = _ordered(">", operator.gt)
greater_equal = _ordered(">=", operator.ge)


def between(value: Any, low: Any, high: Any, scope: EvaluationScope | None) -> bool | None:
    """`value between low and high`, both included."""
    return conjunction(greater_equal(value, low, scope), less_equal(value, high, scope))


def conjunction(a: Any, b: Any) -> bool | None:
    """`a and b` for values already at hand; what is not a boolean counts as null."""
    if a is False or b is False:
        return False
    return True if a is True and b is True else None


def disjunction(a: Any, b: Any) -> bool | None:
    """`a or b` for values already at hand."""
    if a is True or b is True:
        return True
    return False if a is False and b is False else None


def within(value: Any, interval: Range, scope: EvaluationScope | None) -> bool | None:
    """Whether a value lies in a range."""
    if not interval.endless and (interval.start is None or interval.end is None):
        return None
    after: bool | None = True
    before: bool | None = True
    if interval.start is not None:
        after = (greater_equal if interval.start_included else greater)(value, interval.start, scope)
    if interval.end is not None:
        before = (less_equal if interval.end_included else less)(value, interval.end, scope)
    return conjunction(after, before)


def member(value: Any, test: Any, scope: EvaluationScope | None) -> bool | None:
    """`value in test` for one test: in a range, in a list (of values and ranges), or equal to it."""
    if type(test) is Range:
        return equal(value, test, scope) if type(value) is Range else within(value, test, scope)
    if type(test) is list:
        return _member_of_list(value, test, scope)
    return equal(value, test, scope)


def _member_of_list(value: Any, tests: list[Any], scope: EvaluationScope | None) -> bool | None:
    if scope is not None:
        scope.tick(len(tests))
    if type(value) is list and equal(value, tests, None) is True:
        return True
    for test in tests:
        # A mismatch of types is no fault here; of one type, comparing may be long and is counted.
        counted = scope if type(value) is type(test) else None
        found = member(value, test, None) if type(test) is Range else equal(value, test, counted)
        if found is True:
            return True
    return False


def member_of_any(value: Any, tests: Callable[[Any], tuple[Any, ...]]) -> bool | None:
    """Whether a value passes one of several tests; null when that is unknown."""
    result: bool | None = False
    for outcome in tests(value):
        result = disjunction(result, outcome)
    return result


def passes(outcome: Any) -> bool | None:
    """The outcome of a test that asks about `?` by itself."""
    return outcome if type(outcome) is bool else None


def make_interval(brackets: str, start: Any, end: Any, scope: EvaluationScope | None) -> Range | None:
    """`[start..end]`; null unless the bounds can be ordered, one of them may be missing."""
    bounds = [bound for bound in (start, end) if bound is not None]
    if any(type(bound) not in _ORDER and type(bound) not in NUMBERS for bound in bounds):
        fault(scope, f"a range cannot run from {type_name(start)} to {type_name(end)}")
        return None
    if len(bounds) == 2 and less_equal(start, end, scope) is None:
        return None
    return Range(start=start, end=end, start_included=brackets[0] == "[", end_included=brackets[1] == "]")


def make_range(symbol: str, bound: Any, scope: EvaluationScope | None) -> Range | None:
    """The endless range a comparison stands for, such as `(>= 5)`; null without a bound."""
    if bound is None or symbol == "!=":
        fault(scope, f"'{symbol}' with {type_name(bound)} is no range")
        return None
    included = symbol in ("=", "<=", ">=")
    return Range(
        start=bound if symbol in ("=", ">", ">=") else None,
        end=bound if symbol in ("=", "<", "<=") else None,
        start_included=included and symbol != "<=",
        end_included=included and symbol != ">=",
        endless=True,
    )
