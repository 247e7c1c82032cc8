"""Calling functions: those written in FEEL, and those that arrive as values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from procession.feel.nodes import Type
from procession.feel.scope import EvaluationScope, fault
from procession.feel.typecheck import conforms, type_name
from procession.feel.values import Function


def make_function(
    parameters: tuple[str, ...],
    types: tuple[Type | None, ...],
    body: Callable[..., Any],
    scope: EvaluationScope,
) -> Function:
    """A function value whose calls are counted and bounded in depth."""

    def call(*arguments: Any) -> Any:
        scope.enter()
        try:
            return body(*arguments)
        finally:
            scope.leave()

    return Function(parameters, call, types)


def external(parameters: tuple[str, ...], scope: EvaluationScope) -> Function:
    """A function defined outside of FEEL; calling it gives null."""

    def call(*arguments: Any) -> Any:
        return fault(scope, "external functions cannot be called")

    return Function(parameters, call)


def call(function: Any, arguments: tuple[Any, ...], scope: EvaluationScope) -> Any:
    """A positional invocation."""
    if type(function) is not Function:
        return fault(scope, f"{type_name(function)} is no function and cannot be called")
    if len(arguments) != len(function.parameters) and not function.variadic:
        return fault(
            scope, f"the function takes {len(function.parameters)} arguments, but {len(arguments)} were given"
        )
    values = []
    for value, wanted in zip(arguments, function.types or (None,) * len(arguments), strict=True):
        fitting = _fit(value, wanted, scope)
        if wanted is not None and not conforms(fitting, wanted, scope):
            return fault(scope, f"an argument must be {wanted.name}, but {type_name(value)} was given")
        values.append(fitting)
    return function.call(*values)


def call_named(function: Any, arguments: Mapping[str, Any], scope: EvaluationScope) -> Any:
    """An invocation with named arguments; those left out are null."""
    if type(function) is not Function:
        return fault(scope, f"{type_name(function)} is no function and cannot be called")
    unknown = [name for name in arguments if name not in function.parameters]
    if unknown:
        return fault(scope, f"the function has no parameter named {unknown[0]!r}")
    return call(function, tuple(arguments.get(name) for name in function.parameters), scope)


def _fit(value: Any, wanted: Type | None, scope: EvaluationScope) -> Any:
    """Implicit conversion between a value and a list of one (DMN 1.5 section 10.3.2.9.4)."""
    if wanted is None or conforms(value, wanted, scope):
        return value
    if type(value) is list and len(value) == 1 and wanted.name != "list":
        return value[0]
    return [value] if wanted.name == "list" else value
