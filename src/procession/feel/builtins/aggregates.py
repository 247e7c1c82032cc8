"""List functions that reduce a list to one value (DMN 1.5 table 76)."""

from __future__ import annotations

from functools import reduce
from typing import Any

from procession.feel.arithmetic import add, divide, multiply, subtract
from procession.feel.builtins.registry import builtin
from procession.feel.comparison import conjunction, disjunction, less
from procession.feel.errors import Fault
from procession.feel.numbers import CONTEXT, NUMBERS, Numeric, normal
from procession.feel.scope import EvaluationScope

_List = list[Any]


def _numbers(scope: EvaluationScope, items: _List) -> list[Numeric]:
    scope.tick(len(items))
    if not items:
        raise Fault("an empty list has no result")
    if any(type(item) not in NUMBERS for item in items):
        raise Fault("only numbers are accepted")
    return items


@builtin("count", "list: list")
def count(items: _List) -> int:
    """The number of items."""
    return len(items)


@builtin("min", "*list: any", scoped=True)
@builtin("min", "list: list", scoped=True)
def minimum(scope: EvaluationScope, items: _List) -> Any:
    """The smallest item; null for an empty list or items that cannot be ordered."""
    return _extreme(scope, items, smallest=True)


@builtin("max", "*list: any", scoped=True)
@builtin("max", "list: list", scoped=True)
def maximum(scope: EvaluationScope, items: _List) -> Any:
    """The largest item; null for an empty list or items that cannot be ordered."""
    return _extreme(scope, items, smallest=False)


def _extreme(scope: EvaluationScope, items: _List, *, smallest: bool) -> Any:
    if not items:
        raise Fault("an empty list has no result")
    scope.tick(len(items))
    best = items[0]
    for item in items:
        smaller = less(item, best, scope) if smallest else less(best, item, scope)
        if smaller is None:
            return None
        best = item if smaller else best
    return best


@builtin("sum", "*list: any", scoped=True)
@builtin("sum", "list: list", scoped=True)
def total(scope: EvaluationScope, items: _List) -> Any:
    """The sum; null for an empty list."""
    return reduce(lambda a, b: add(a, b, scope), _numbers(scope, items))


@builtin("product", "*list: any", scoped=True)
@builtin("product", "list: list", scoped=True)
def product(scope: EvaluationScope, items: _List) -> Any:
    """The product; null for an empty list."""
    return reduce(lambda a, b: multiply(a, b, scope), _numbers(scope, items))


@builtin("mean", "*list: any", scoped=True)
@builtin("mean", "list: list", scoped=True)
def mean(scope: EvaluationScope, items: _List) -> Any:
    """The arithmetic mean; null for an empty list."""
    return divide(total(scope, items), len(items), scope)


@builtin("median", "*list: any", scoped=True)
@builtin("median", "list: list", scoped=True)
def median(scope: EvaluationScope, items: _List) -> Any:
    """The middle item, or the mean of the two middle ones; null for an empty list."""
    if not items:
        return None
    ordered = sorted(_numbers(scope, items))
    middle, odd = divmod(len(ordered), 2)
    return ordered[middle] if odd else divide(add(ordered[middle - 1], ordered[middle], scope), 2, scope)


@builtin("stddev", "*list: any", scoped=True)
@builtin("stddev", "list: list", scoped=True)
def stddev(scope: EvaluationScope, items: _List) -> Any:
    """The standard deviation of a sample; null for fewer than two items."""
    if len(items) < 2:
        raise Fault("at least two numbers are needed")
    centre = mean(scope, items)
    differences = [subtract(item, centre, scope) for item in items]
    squares = total(scope, [multiply(each, each, scope) for each in differences])
    return normal(CONTEXT.sqrt(divide(squares, len(items) - 1, scope)))


@builtin("mode", "*list: any", scoped=True)
@builtin("mode", "list: list", scoped=True)
def mode(scope: EvaluationScope, items: _List) -> list[Numeric]:
    """The most frequent numbers in ascending order; an empty list for an empty list."""
    if not items:
        return []
    counts: dict[Numeric, int] = {}
    for item in _numbers(scope, items):
        counts[item] = counts.get(item, 0) + 1
    most = max(counts.values())
    return sorted(item for item, times in counts.items() if times == most)


@builtin("all", "*list: any", scoped=True)
@builtin("all", "list: list", scoped=True)
def all_true(scope: EvaluationScope, items: _List) -> bool | None:
    """False if one is false, null if one is neither true nor false, otherwise true."""
    scope.tick(len(items))
    result: bool | None = True
    for item in items:
        result = conjunction(result, item)
    return result


@builtin("any", "*list: any", scoped=True)
@builtin("any", "list: list", scoped=True)
def any_true(scope: EvaluationScope, items: _List) -> bool | None:
    """True if one is true, null if one is neither true nor false, otherwise false."""
    scope.tick(len(items))
    result: bool | None = False
    for item in items:
        result = disjunction(result, item)
    return result
