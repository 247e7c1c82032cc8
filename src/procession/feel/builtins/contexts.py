"""Context functions (DMN 1.5 table 83; Camunda's `put`, `put all`, `get or else`, `is defined`, `assert`)."""

from __future__ import annotations

from typing import Any

from procession.feel.builtins.registry import builtin
from procession.feel.errors import Fault, FeelError
from procession.feel.scope import EvaluationScope

_Context = dict[str, Any]


@builtin("get value", "m: context, key: string")
@builtin("get value", "context: context, key: string")
def get_value(context: _Context, key: str) -> Any:
    """The entry of that name; null if there is none."""
    return context.get(key)


@builtin("get value", "context: context, keys: list")
def get_value_at(context: _Context, keys: list[Any]) -> Any:
    """The entry at the end of a path of names; null if there is none."""
    value: Any = context
    for key in keys:
        value = value.get(key) if type(value) is dict and type(key) is str else None
    return value


@builtin("get entries", "m: context", scoped=True)
@builtin("get entries", "context: context", scoped=True)
def get_entries(scope: EvaluationScope, context: _Context) -> list[_Context]:
    """The entries as a list of contexts with `key` and `value`."""
    scope.tick(len(context))
    return [{"key": key, "value": value} for key, value in context.items()]


@builtin("context", "entries: list", scoped=True)
def context(scope: EvaluationScope, entries: list[Any]) -> _Context:
    """A context of contexts with `key` and `value`; a key may appear once."""
    scope.tick(len(entries))
    made: _Context = {}
    for entry in entries:
        if type(entry) is not dict or type(entry.get("key")) is not str or "value" not in entry:
            raise Fault("an entry needs a 'key' that is a string, and a 'value'")
        if entry["key"] in made:
            raise Fault(f"the key {entry['key']!r} is given twice")
        made[entry["key"]] = entry["value"]
    return made


@builtin("context put", "context: context, key: string, value: any", scoped=True)
@builtin("put", "context: context, key: string, value: any", scoped=True)
def context_put(scope: EvaluationScope, base: _Context, key: str, value: Any) -> _Context:
    """A copy with one entry added or replaced."""
    scope.tick(len(base))
    return {**base, key: value}


@builtin("context put", "context: context, keys: list, value: any", scoped=True)
def context_put_at(scope: EvaluationScope, base: _Context, keys: list[Any], value: Any) -> _Context:
    """A copy with the entry at the end of a path added or replaced."""
    if not keys or type(keys[0]) is not str:
        raise Fault("the keys must be strings, at least one")
    head, *rest = keys
    scope.tick(len(base) + len(keys))
    if not rest:
        return {**base, head: value}
    inner = base.get(head, {})
    if type(inner) is not dict:
        raise Fault(f"the entry {head!r} is no context")
    return {**base, head: context_put_at(scope, inner, rest, value)}


@builtin("context merge", "*contexts: context", scoped=True)
@builtin("context merge", "contexts: list", scoped=True)
@builtin("put all", "*contexts: context", scoped=True)
def context_merge(scope: EvaluationScope, contexts: list[Any]) -> _Context:
    """All entries in one context; later ones win."""
    merged: _Context = {}
    for one in contexts:
        if type(one) is not dict:
            raise Fault("only contexts can be merged")
        scope.tick(len(one))
        merged.update(one)
    return merged


@builtin("is defined", "value: any")
def is_defined(value: Any) -> bool:
    """Whether there is a value, that is: not null."""
    return value is not None


@builtin("get or else", "value: any, default: any")
def get_or_else(value: Any, default: Any) -> Any:
    """The value, or the default for null."""
    return default if value is None else value


@builtin("assert", "value: any, condition: any")
def assert_that(value: Any, condition: Any) -> Any:
    """The value, if the condition is true; otherwise the evaluation fails."""
    return assert_because(value, condition, "the condition of an assertion is not true")


@builtin("assert", "value: any, condition: any, cause: string")
def assert_because(value: Any, condition: Any, cause: str) -> Any:
    """The value, if the condition is true; otherwise the evaluation fails with the cause."""
    if condition is not True:
        raise FeelError(cause)
    return value
