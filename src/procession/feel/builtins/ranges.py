"""Functions that relate points and ranges (DMN 1.5 table 82).

Each takes points and ranges in the combinations the standard lists; bounds that cannot be ordered
give null.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from procession.errors import ExpressionInvalid
from procession.feel import nodes
from procession.feel.arithmetic import negate
from procession.feel.builtins.registry import BUILTINS, builtin
from procession.feel.comparison import conjunction, disjunction, equal, less, make_interval, within
from procession.feel.errors import Fault
from procession.feel.names import NameTable
from procession.feel.numbers import parse_number
from procession.feel.parser import parse_expression
from procession.feel.scope import EvaluationScope
from procession.feel.temporal import parse_temporal
from procession.feel.values import Range

_Answer = bool | None


def _as_range(value: Any) -> Range:
    """A point as the range that holds only it."""
    if type(value) is Range:
        return value
    if value is None:
        raise Fault("null is neither a point nor a range")
    return Range(start=value, end=value, start_included=True, end_included=True)


def _need(value: Any) -> Range:
    if type(value) is not Range:
        raise Fault("a range is needed")
    return value


def _known(*ranges: Range) -> bool:
    """Whether a bound that is not there is an endless range's, rather than an unknown one."""
    return all(each.endless for each in ranges if each.start is None or each.end is None)


def _precedes(a: Range, b: Range) -> _Answer:
    """Whether everything in a is below everything in b."""
    if a.end is None or b.start is None:
        return False if _known(a, b) else None
    apart = less(a.end, b.start, None)
    touching = equal(a.end, b.start, None)
    return disjunction(apart, conjunction(touching, not (a.end_included and b.start_included)))


def _starts_no_later(a: Range, b: Range) -> _Answer:
    """Whether a reaches at least as far down as b."""
    if a.start is None or b.start is None:
        return a.start is None if _known(a, b) else None
    same = conjunction(equal(a.start, b.start, None), a.start_included or not b.start_included)
    return disjunction(less(a.start, b.start, None), same)


def _ends_no_earlier(a: Range, b: Range) -> _Answer:
    """Whether a reaches at least as far up as b."""
    if a.end is None or b.end is None:
        return a.end is None if _known(a, b) else None
    same = conjunction(equal(a.end, b.end, None), a.end_included or not b.end_included)
    return disjunction(less(b.end, a.end, None), same)


def _not(answer: _Answer) -> _Answer:
    return None if answer is None else not answer


@builtin("range", "from: string", scoped=True)
def range_from_text(scope: EvaluationScope, text: str) -> Range:
    """The range a text such as `[1..3]` spells; its bounds must be literals."""
    try:
        node = parse_expression(text, _DATE_AND_TIME)
    except ExpressionInvalid as invalid:
        raise Fault(str(invalid)) from None
    if not isinstance(node, nodes.Range):
        raise Fault(f"{text[:60]!r} is no range")
    start, end = _literal(node.start, scope), _literal(node.end, scope)
    brackets = ("[" if node.start_included else "(") + ("]" if node.end_included else ")")
    made = make_interval(brackets, start, end, scope)
    if made is None or (start is None and end is None) or _descending(start, end):
        raise Fault(f"{text[:60]!r} is no range")
    return made


def _descending(start: Any, end: Any) -> bool:
    return start is not None and end is not None and less(end, start, None) is True


def _literal(node: nodes.Node, scope: EvaluationScope) -> Any:
    reader = _LITERALS.get(type(node))
    if reader is None:
        raise Fault("the bounds of a range in a string must be literals")
    return reader(node, scope)


def _call(node: nodes.Call, scope: EvaluationScope) -> Any:
    name = node.function.name if isinstance(node.function, nodes.Name) else ""
    if name not in _CONVERSIONS or not all(isinstance(part, nodes.String) for part in node.arguments):
        raise Fault("the bounds of a range in a string must be literals")
    return BUILTINS[name](scope, *(_literal(part, scope) for part in node.arguments))


_CONVERSIONS = ("date", "time", "date and time", "duration")
_DATE_AND_TIME = NameTable(["date and time"])
_LITERALS: dict[type[nodes.Node], Callable[[Any, EvaluationScope], Any]] = {
    nodes.Number: lambda node, scope: parse_number(node.text),
    nodes.Negation: lambda node, scope: negate(_literal(node.operand, scope), scope),
    nodes.String: lambda node, scope: node.value,
    nodes.Constant: lambda node, scope: node.value,
    nodes.At: lambda node, scope: parse_temporal(node.text),
    nodes.Call: _call,
}


@builtin("before", "point1: any, point2: any")
@builtin("before", "range1: any, range2: any")
@builtin("before", "point: any, range: any")
@builtin("before", "range: any, point: any")
def before(first: Any, second: Any) -> _Answer:
    """Whether the first lies wholly before the second."""
    return _precedes(_as_range(first), _as_range(second))


@builtin("after", "point1: any, point2: any")
@builtin("after", "range1: any, range2: any")
@builtin("after", "point: any, range: any")
@builtin("after", "range: any, point: any")
def after(first: Any, second: Any) -> _Answer:
    """Whether the first lies wholly after the second."""
    return _precedes(_as_range(second), _as_range(first))


@builtin("meets", "range1: range, range2: range")
def meets(first: Range, second: Range) -> _Answer:
    """Whether the first ends, included, where the second starts, included."""
    return conjunction(first.end_included and second.start_included, equal(first.end, second.start, None))


@builtin("met by", "range1: range, range2: range")
def met_by(first: Range, second: Range) -> _Answer:
    """Whether the second meets the first."""
    return meets(second, first)


@builtin("overlaps", "range1: range, range2: range")
def overlaps(first: Range, second: Range) -> _Answer:
    """Whether the ranges have a point in common."""
    return conjunction(_not(_precedes(first, second)), _not(_precedes(second, first)))


@builtin("overlaps before", "range1: range, range2: range")
def overlaps_before(first: Range, second: Range) -> _Answer:
    """Whether they overlap, and the first starts before and ends no later than the second."""
    starts = _not(_starts_no_later(second, first))
    return conjunction(conjunction(overlaps(first, second), starts), _ends_no_earlier(second, first))


@builtin("overlaps after", "range1: range, range2: range")
def overlaps_after(first: Range, second: Range) -> _Answer:
    """Whether they overlap, and the first starts after the second and ends no earlier."""
    starts = _not(_starts_no_later(first, second))
    return conjunction(conjunction(overlaps(first, second), starts), _ends_no_earlier(first, second))


@builtin("includes", "range: any, point: any")
@builtin("includes", "range1: any, range2: any")
def includes(outer: Any, inner: Any) -> _Answer:
    """Whether the range contains the point or the whole other range."""
    whole = _need(outer)
    if type(inner) is not Range:
        return None if inner is None else within(inner, whole, None)
    return conjunction(_starts_no_later(whole, inner), _ends_no_earlier(whole, inner))


@builtin("during", "point: any, range: any")
@builtin("during", "range1: any, range2: any")
def during(inner: Any, outer: Any) -> _Answer:
    """Whether the point or range lies within the range."""
    return includes(outer, inner)


@builtin("starts", "point: any, range: any")
@builtin("starts", "range1: any, range2: any")
def starts(first: Any, second: Any) -> _Answer:
    """Whether the first begins where the range begins, and ends no later."""
    whole = _need(second)
    part = _as_range(first)
    begins = conjunction(part.start_included is whole.start_included, equal(part.start, whole.start, None))
    return begins if type(first) is not Range else conjunction(begins, _ends_no_earlier(whole, part))


@builtin("started by", "range: any, point: any")
@builtin("started by", "range1: any, range2: any")
def started_by(first: Any, second: Any) -> _Answer:
    """Whether the second starts the first."""
    return starts(second, first)


@builtin("finishes", "point: any, range: any")
@builtin("finishes", "range1: any, range2: any")
def finishes(first: Any, second: Any) -> _Answer:
    """Whether the first ends where the range ends, and begins no earlier."""
    whole = _need(second)
    part = _as_range(first)
    ends = conjunction(part.end_included is whole.end_included, equal(part.end, whole.end, None))
    return ends if type(first) is not Range else conjunction(ends, _starts_no_later(whole, part))


@builtin("finished by", "range: any, point: any")
@builtin("finished by", "range1: any, range2: any")
def finished_by(first: Any, second: Any) -> _Answer:
    """Whether the second finishes the first."""
    return finishes(second, first)


@builtin("coincides", "point1: any, point2: any")
@builtin("coincides", "range1: any, range2: any")
def coincides(first: Any, second: Any) -> _Answer:
    """Whether two points, or two ranges, are equal."""
    if first is None or second is None or (type(first) is Range) is not (type(second) is Range):
        raise Fault("two points or two ranges are needed")
    return equal(first, second, None)
