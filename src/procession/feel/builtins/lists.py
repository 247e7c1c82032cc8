"""List functions that find, change or rearrange items (DMN 1.5 table 76)."""

from __future__ import annotations

from functools import cmp_to_key
from typing import Any

from procession.feel.builtins.registry import builtin
from procession.feel.comparison import equal, less
from procession.feel.errors import Fault
from procession.feel.invoke import call
from procession.feel.numbers import Numeric, normal
from procession.feel.scope import EvaluationScope
from procession.feel.values import Function

_List = list[Any]


def _same(scope: EvaluationScope, a: Any, b: Any) -> bool:
    scope.tick()
    return equal(a, b, None if type(a) is not type(b) else scope) is True


def _known(scope: EvaluationScope, items: _List, wanted: Any) -> bool:
    return any(_same(scope, item, wanted) for item in items)


def _position(items: _List, position: Numeric) -> int:
    """The 0-based place of a FEEL position. Raises Fault outside the list."""
    at = position if isinstance(position, int) else normal(position)
    if not isinstance(at, int) or not 1 <= abs(at) <= len(items):
        raise Fault(f"a list of {len(items)} items has no position {position}")
    return at - 1 if at > 0 else len(items) + at


@builtin("list contains", "list: list, element: any", scoped=True)
def list_contains(scope: EvaluationScope, items: _List, element: Any) -> bool:
    """Whether an item equals the element."""
    return _known(scope, items, element)


@builtin("index of", "list: list, match: any", scoped=True)
def index_of(scope: EvaluationScope, items: _List, match: Any) -> list[int]:
    """The positions, from 1, of the items that equal the match."""
    return [at for at, item in enumerate(items, 1) if _same(scope, item, match)]


@builtin("is empty", "list: list")
def is_empty(items: _List) -> bool:
    """Whether the list has no items."""
    return not items


@builtin("append", "list: list, *items: any", scoped=True)
def append(scope: EvaluationScope, items: _List, added: _List) -> _List:
    """The list with items added at its end."""
    scope.tick(len(items))
    return [*items, *added]


@builtin("concatenate", "*lists: list", scoped=True)
def concatenate(scope: EvaluationScope, lists: list[_List]) -> _List:
    """The items of all lists, one list after the other."""
    scope.tick(sum(map(len, lists)))
    return [item for items in lists for item in items]


@builtin("insert before", "list: list, position: number, newItem: any", scoped=True)
def insert_before(scope: EvaluationScope, items: _List, position: Numeric, new_item: Any) -> _List:
    """The list with an item inserted at a position."""
    scope.tick(len(items))
    at = _position(items, position)
    return [*items[:at], new_item, *items[at:]]


@builtin("remove", "list: list, position: number", scoped=True)
def remove(scope: EvaluationScope, items: _List, position: Numeric) -> _List:
    """The list without the item at a position."""
    scope.tick(len(items))
    at = _position(items, position)
    return [*items[:at], *items[at + 1 :]]


@builtin("list replace", "list: list, position: number, newItem: any", scoped=True)
def list_replace(scope: EvaluationScope, items: _List, position: Numeric, new_item: Any) -> _List:
    """The list with the item at a position replaced."""
    scope.tick(len(items))
    at = _position(items, position)
    return [*items[:at], new_item, *items[at + 1 :]]


@builtin("list replace", "list: list, match: function, newItem: any", scoped=True)
def list_replace_matching(scope: EvaluationScope, items: _List, match: Function, new_item: Any) -> _List:
    """The list with every item replaced for which the function of (item, newItem) is true."""
    replaced = []
    for item in items:
        outcome = call(match, (item, new_item), scope)
        if type(outcome) is not bool:
            raise Fault("the match function must answer true or false")
        replaced.append(new_item if outcome else item)
    return replaced


@builtin("reverse", "list: list", scoped=True)
def reverse(scope: EvaluationScope, items: _List) -> _List:
    """The list backwards."""
    scope.tick(len(items))
    return items[::-1]


@builtin("sublist", "list: list, start position: number, length: number?", scoped=True)
def sublist(scope: EvaluationScope, items: _List, start: Numeric, length: Numeric | None = None) -> _List:
    """The items from a position on, at most `length` of them."""
    at = _position(items, start)
    scope.tick(len(items))
    if length is None:
        return items[at:]
    if length < 1 or at + length > len(items):
        raise Fault(f"there are no {length} items from that position on")
    return items[at : at + int(length)]


@builtin("distinct values", "list: list", scoped=True)
def distinct_values(scope: EvaluationScope, items: _List) -> _List:
    """The list without repeated items; the first of each stays."""
    kept: _List = []
    for item in items:
        if not _known(scope, kept, item):
            kept.append(item)
    return kept


@builtin("duplicate values", "list: list", scoped=True)
def duplicate_values(scope: EvaluationScope, items: _List) -> _List:
    """The items that appear more than once, each once."""
    seen: _List = []
    repeated: _List = []
    for item in items:
        if not _known(scope, seen, item):
            seen.append(item)
        elif not _known(scope, repeated, item):
            repeated.append(item)
    return repeated


@builtin("union", "*lists: list", scoped=True)
def union(scope: EvaluationScope, lists: list[_List]) -> _List:
    """The items of all lists, without repeated ones."""
    return distinct_values(scope, concatenate(scope, lists))


@builtin("flatten", "list: list", scoped=True)
def flatten(scope: EvaluationScope, items: _List) -> _List:
    """The items of all lists within lists, in one list."""
    flat: _List = []
    waiting = items[::-1]
    while waiting:
        scope.tick()
        item = waiting.pop()
        if type(item) is list:
            waiting.extend(reversed(item))
        else:
            flat.append(item)
    return flat


@builtin("partition", "list: list, size: number", scoped=True)
def partition(scope: EvaluationScope, items: _List, size: Numeric) -> list[_List]:
    """The list cut into lists of that size; the last may be shorter."""
    if size < 1:
        raise Fault("the size must be at least 1")
    scope.tick(len(items))
    step = int(size)
    return [items[at : at + step] for at in range(0, len(items), step)]


@builtin("sort", "list: list", scoped=True)
def sort_naturally(scope: EvaluationScope, items: _List) -> _List:
    """The list in ascending order; null when the items cannot be ordered."""

    def compare(a: Any, b: Any) -> int:
        scope.tick()
        smaller = less(a, b, None)
        if smaller is None:
            raise Fault("the items cannot be ordered")
        return -1 if smaller else int(less(b, a, None) is True)

    return sorted(items, key=cmp_to_key(compare))


@builtin("sort", "list: list, precedes: function", scoped=True)
def sort(scope: EvaluationScope, items: _List, precedes: Function) -> _List:
    """The list in the order given by a function that tells whether one item precedes another."""

    def compare(a: Any, b: Any) -> int:
        scope.tick()
        if call(precedes, (a, b), scope) is True:
            return -1
        return int(call(precedes, (b, a), scope) is True)

    return sorted(items, key=cmp_to_key(compare))
