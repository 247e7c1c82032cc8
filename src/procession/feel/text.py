"""Values as text, the way string() writes them (DMN 1.5 section 10.3.4.1)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from procession.feel.numbers import format_number
from procession.feel.scope import EvaluationScope
from procession.feel.temporal import YearsMonths, format_temporal
from procession.feel.values import Function, Range


def to_text(value: Any, scope: EvaluationScope) -> str:
    """The value as FEEL would write it; strings in quotes."""
    writer = _WRITERS.get(type(value))
    return writer(value, scope) if writer is not None else str(value)


def _quoted(value: str, scope: EvaluationScope) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _list(value: list[Any], scope: EvaluationScope) -> str:
    scope.tick(len(value))
    return "[" + ", ".join(to_text(item, scope) for item in value) + "]"


def _context(value: dict[str, Any], scope: EvaluationScope) -> str:
    scope.tick(len(value))
    return "{" + ", ".join(f"{_key(key)}: {to_text(item, scope)}" for key, item in value.items()) + "}"


def _key(key: str) -> str:
    return key if key.replace(" ", "_").isidentifier() else f'"{key}"'


def _range(value: Range, scope: EvaluationScope) -> str:
    if value.start is None:
        return f"({'<=' if value.end_included else '<'} {to_text(value.end, scope)})"
    if value.end is None:
        return f"({'>=' if value.start_included else '>'} {to_text(value.start, scope)})"
    opening, closing = "[" if value.start_included else "(", "]" if value.end_included else ")"
    return f"{opening}{to_text(value.start, scope)}..{to_text(value.end, scope)}{closing}"


_WRITERS: dict[type, Callable[[Any, EvaluationScope], str]] = {
    type(None): lambda value, scope: "null",
    bool: lambda value, scope: "true" if value else "false",
    **dict.fromkeys((int, Decimal), lambda value, scope: format_number(value)),
    str: _quoted,
    list: _list,
    dict: _context,
    **dict.fromkeys(
        (date, time, datetime, timedelta, YearsMonths), lambda value, scope: format_temporal(value)
    ),
    Range: _range,
    Function: lambda value, scope: f"function({', '.join(value.parameters)})",
}
