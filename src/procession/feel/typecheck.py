"""Which FEEL type a value has, and whether it conforms to a written type (`instance of`)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from procession.feel.nodes import Type
from procession.feel.scope import EvaluationScope
from procession.feel.temporal import YearsMonths
from procession.feel.values import Function, Range

_NAMES: dict[type, str] = {
    type(None): "null",
    bool: "boolean",
    int: "number",
    Decimal: "number",
    str: "string",
    list: "list",
    dict: "context",
    date: "date",
    time: "time",
    datetime: "date and time",
    timedelta: "days and time duration",
    YearsMonths: "years and months duration",
    Range: "range",
    Function: "function",
}
_ALIASES = {
    "dateTime": "date and time",
    "dayTimeDuration": "days and time duration",
    "day time duration": "days and time duration",
    "yearMonthDuration": "years and months duration",
    "year month duration": "years and months duration",
    "Null": "null",
}


def type_name(value: Any) -> str:
    """The FEEL type of a value, for messages; a Python type that FEEL does not know stays its name."""
    kind = type(value)
    return _NAMES.get(kind, kind.__name__)


def is_instance(value: Any, wanted: Type, scope: EvaluationScope | None) -> bool:
    """Whether a value conforms to a type (DMN 1.5 section 10.3.2.9). null conforms to Null only."""
    if value is None:
        return wanted.name in ("Null", "null")
    name = _ALIASES.get(wanted.name, wanted.name)
    if name == "Any":
        return True
    if name == "duration":
        return isinstance(value, timedelta | YearsMonths)
    if type_name(value) != name:
        return False
    check = _STRUCTURES.get(name)
    return check is None or check(value, wanted, scope)


def conforms(value: Any, wanted: Type, scope: EvaluationScope | None) -> bool:
    """Like `is_instance`, but null conforms to every type."""
    return value is None or is_instance(value, wanted, scope)


def _list(value: list[Any], wanted: Type, scope: EvaluationScope | None) -> bool:
    if scope is not None:
        scope.tick(len(value))
    return not wanted.parts or all(conforms(item, wanted.parts[0], scope) for item in value)


def _context(value: dict[str, Any], wanted: Type, scope: EvaluationScope | None) -> bool:
    if scope is not None:
        scope.tick(len(wanted.parts))
    labelled = zip(wanted.labels, wanted.parts, strict=True)
    return all(label in value and conforms(value[label], part, scope) for label, part in labelled)


def _range(value: Range, wanted: Type, scope: EvaluationScope | None) -> bool:
    bounds = (value.start, value.end)
    return not wanted.parts or all(conforms(bound, wanted.parts[0], scope) for bound in bounds)


def _function(value: Function, wanted: Type, scope: EvaluationScope | None) -> bool:
    bare = not wanted.parts and wanted.result is None
    return bare or len(wanted.parts) == len(value.parameters)


_STRUCTURES: dict[str, Callable[[Any, Type, EvaluationScope | None], bool]] = {
    "list": _list,
    "context": _context,
    "range": _range,
    "function": _function,
}
