"""The registry of built-in functions: names, parameters, documentation, implementation."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import partial
from typing import Any, TypeVar

import msgspec

from procession.feel.errors import Fault
from procession.feel.scope import EvaluationScope
from procession.feel.temporal import YearsMonths
from procession.feel.typecheck import type_name
from procession.feel.values import Function, Range

_F = TypeVar("_F", bound=Callable[..., Any])

_KINDS: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "number": (int, Decimal),
    "boolean": (bool,),
    "list": (list,),
    "context": (dict,),
    "date": (date,),
    "time": (time,),
    "date and time": (datetime,),
    "days and time duration": (timedelta,),
    "years and months duration": (YearsMonths,),
    "range": (Range,),
    "function": (Function,),
    "null": (type(None),),
}
_PARAMETER = re.compile(r"\s*(\*)?([^:]+):\s*([^?]+?)(\?)?\s*")


class Parameter(msgspec.Struct, frozen=True, kw_only=True):
    """A parameter of a built-in function. No `kinds` means that anything is accepted, null too."""

    name: str
    kinds: frozenset[type] | None
    optional: bool = False
    rest: bool = False
    """Takes all remaining arguments, as a list."""

    def fit(self, value: Any) -> Any:
        """The value, or what a list of one stands for, or a list of it. Raises Fault."""
        if self.kinds is None or type(value) in self.kinds:
            return value
        if type(value) is list and len(value) == 1 and type(value[0]) in self.kinds:
            return value[0]
        if list in self.kinds and value is not None:
            return [value]
        raise Fault(f"{self.name!r} cannot be {type_name(value)}")


class Overload(msgspec.Struct, frozen=True, kw_only=True):
    """One way to call a function."""

    parameters: tuple[Parameter, ...]
    implementation: Callable[..., Any]
    scoped: bool
    """The implementation takes the EvaluationScope first."""

    def bind(self, values: Sequence[Any]) -> list[Any]:
        """Check and convert positional arguments. Raises Fault when they do not fit."""
        if self.parameters and self.parameters[-1].rest:
            return self._bind_rest(values)
        if len(values) > len(self.parameters):
            raise Fault(f"takes {len(self.parameters)} arguments, but {len(values)} were given")
        for parameter in self.parameters[len(values) :]:
            if not parameter.optional:
                raise Fault(f"the argument {parameter.name!r} is missing")
        return [parameter.fit(value) for parameter, value in zip(self.parameters, values, strict=False)]

    def _bind_rest(self, values: Sequence[Any]) -> list[Any]:
        *fixed, rest = self.parameters
        if len(values) <= len(fixed):
            raise Fault(f"takes at least {len(fixed) + 1} arguments, but {len(values)} were given")
        head = [parameter.fit(value) for parameter, value in zip(fixed, values, strict=False)]
        return [*head, [rest.fit(value) for value in values[len(fixed) :]]]

    def order(self, arguments: Mapping[str, Any]) -> list[Any] | None:
        """Named arguments in positional order; None if the names are not those of this overload."""
        names = [parameter.name for parameter in self.parameters]
        if any(name not in names for name in arguments):
            return None
        given = max((at for at, name in enumerate(names, 1) if name in arguments), default=0)
        last = self.parameters[-1] if self.parameters else None
        values = [arguments.get(name) for name in names[:given]]
        if last is not None and last.rest and len(values) == len(names):
            values[-1:] = values[-1] if type(values[-1]) is list else [values[-1]]
        return values


class Builtin:
    """A built-in function with its overloads, tried in the order they were registered."""

    def __init__(self, name: str, doc: str) -> None:
        self.name = name
        self.doc = doc
        self.overloads: list[Overload] = []

    def __call__(self, scope: EvaluationScope, *arguments: Any) -> Any:
        """Invoke with positional arguments; arguments that do not fit give null and a warning."""
        scope.tick()
        reason = "takes no such arguments"
        for overload in self.overloads:
            try:
                bound = overload.bind(arguments)
            except Fault as misfit:
                reason = str(misfit)
            else:
                return self._run(overload, bound, scope)
        return scope.warn(f"{self.name}(): {reason}")

    def named(self, scope: EvaluationScope, arguments: Mapping[str, Any]) -> Any:
        """Invoke with named arguments."""
        scope.tick()
        reason = f"has no parameters named {', '.join(arguments)}"
        for overload in self.overloads:
            values = overload.order(arguments)
            if values is None:
                continue
            try:
                return self._run(overload, overload.bind(values), scope)
            except Fault as misfit:
                reason = str(misfit)
        return scope.warn(f"{self.name}(): {reason}")

    def _run(self, overload: Overload, bound: list[Any], scope: EvaluationScope) -> Any:
        try:
            if overload.scoped:
                return overload.implementation(scope, *bound)
            return overload.implementation(*bound)
        except Fault as reason:
            return scope.warn(f"{self.name}(): {reason}")
        except (ArithmeticError, ValueError) as reason:  # out of the range Python's own types hold
            return scope.warn(f"{self.name}(): no result, {type(reason).__name__}")

    def value(self, scope: EvaluationScope) -> Function:
        """The function as a value, to be handed to another one."""
        names = tuple(parameter.name for parameter in self.overloads[0].parameters)
        return Function(names, partial(self, scope), variadic=True)


BUILTINS: dict[str, Builtin] = {}
"""All built-in functions by name; filled by importing `procession.feel.builtins`."""


def builtin(name: str, parameters: str = "", *, scoped: bool = False) -> Callable[[_F], _F]:
    """Register an implementation under a FEEL name.

    `parameters` reads `name: type, name: type | type, name: type?, *rest: type`, in the names of
    DMN 1.5 chapter 10.3.4; `?` may be left out. Raise Fault for a null result with a reason.
    """

    def register(implementation: _F) -> _F:
        entry = BUILTINS.setdefault(name, Builtin(name, (implementation.__doc__ or "").strip()))
        entry.overloads.append(
            Overload(parameters=_parameters(parameters), implementation=implementation, scoped=scoped)
        )
        return implementation

    return register


def _parameters(text: str) -> tuple[Parameter, ...]:
    return tuple(_parameter(part) for part in text.split(",")) if text else ()


def _parameter(text: str) -> Parameter:
    found = _PARAMETER.fullmatch(text)
    assert found is not None, text
    rest, name, kinds, optional = found.groups()
    types = None
    if kinds != "any":
        types = frozenset(kind for label in kinds.split("|") for kind in _KINDS[label.strip()])
    return Parameter(name=name, kinds=types, optional=optional is not None, rest=rest is not None)
