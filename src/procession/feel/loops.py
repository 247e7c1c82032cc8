"""for, some and every: iteration, counted in steps."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from procession.feel.comparison import conjunction, disjunction, less_equal
from procession.feel.numbers import normal
from procession.feel.scope import EvaluationScope
from procession.feel.typecheck import type_name
from procession.feel.values import Range


def collect(loop: Callable[[list[Any]], Any]) -> list[Any] | None:
    """Run a `for` that appends its results to the list it is given; null when a source is none."""
    results: list[Any] = []
    return results if loop(results) is not False else None


def partial(results: list[Any], scope: EvaluationScope) -> list[Any]:
    """The results of a `for` so far, as `partial` sees them."""
    scope.tick(len(results) // 100)
    return results[:]


def each(source: Any, visit: Callable[[Any], Any], scope: EvaluationScope) -> bool:
    """Visit every item; False as soon as something to iterate over is nothing of the kind."""
    items = iterate(source, scope)
    if items is None:
        return False
    for item in items:
        scope.tick()
        if visit(item) is False:
            return False
    return True


def some(source: Any, test: Callable[[Any], Any], scope: EvaluationScope) -> bool | None:
    """True when one item passes, null when that is unknown."""
    items = iterate(source, scope)
    if items is None:
        return None
    result: bool | None = False
    for item in items:
        scope.tick()
        result = disjunction(result, test(item))
        if result is True:
            return True
    return result


def every(source: Any, test: Callable[[Any], Any], scope: EvaluationScope) -> bool | None:
    """True when all items pass, null when that is unknown."""
    items = iterate(source, scope)
    if items is None:
        return None
    result: bool | None = True
    for item in items:
        scope.tick()
        result = conjunction(result, test(item))
        if result is False:
            return False
    return result


def iterate(source: Any, scope: EvaluationScope) -> Iterable[Any] | None:
    """The items of a list, range or single value; None, with a warning, if there is no iterating."""
    if type(source) is list:
        return source
    if type(source) is Span:
        return _count(source.start, source.end, scope)
    if type(source) is Range:
        return _count_range(source, scope)
    if source is None:
        scope.warn("null cannot be iterated over")
        return None
    return [source]


class Span:
    """`start..end` of an iteration: up or down, both ends included."""

    __slots__ = ("end", "start")

    def __init__(self, start: Any, end: Any) -> None:
        self.start = start
        self.end = end


def _count_range(source: Range, scope: EvaluationScope) -> Iterable[Any] | None:
    start, end = _whole(source.start), _whole(source.end)
    if start is None or end is None or less_equal(start, end, None) is None:
        scope.warn("only a range of whole numbers or of dates can be iterated over")
        return None
    step: Any = 1 if type(start) is int else timedelta(days=1)
    first = start if source.start_included else start + step
    last = end if source.end_included else end - step
    return _count(first, last, scope) if first <= last else []


def _count(start: Any, end: Any, scope: EvaluationScope) -> Iterable[Any] | None:
    low, high = _whole(start), _whole(end)
    if type(low) is int and type(high) is int:
        return range(low, high + 1) if low <= high else range(low, high - 1, -1)
    if type(low) is date and type(high) is date:
        step = 1 if low <= high else -1
        days = range(0, (high - low).days + step, step)
        return (low + timedelta(days=day) for day in days)
    scope.warn(f"cannot iterate from {type_name(start)} to {type_name(end)}")
    return None


def _whole(value: Any) -> Any:
    if type(value) is Decimal:
        value = normal(value)
    return value if type(value) in (int, date) else None
