"""Functions that run under a lock whenever they are called."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

from procession.errors import InvalidInput
from procession.operations.commands.keys import kebab, key_of
from procession.operations.commands.lock import CommandLock

P = ParamSpec("P")
R = TypeVar("R")

INSTANCE = "instance"
"""The parameter that says which instance a call is for."""


def key_for(function: Callable[..., Any], *, by_instance: bool) -> Callable[..., str]:
    """A function that says which lock key a call with its arguments is for.

    Raises:
        InvalidInput: the function takes no instance, but there are some.
    """
    key = key_of(function)
    if not by_instance:
        return lambda *args, **kwargs: key
    signature = inspect.signature(function)
    if INSTANCE not in signature.parameters:
        raise InvalidInput(f"{key} has instances, so its function needs a parameter {INSTANCE!r}")

    def of_instance(*args: Any, **kwargs: Any) -> str:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return f"{key}-{kebab(str(bound.arguments[INSTANCE]))}"

    return of_instance


def running_under(lock: Callable[..., CommandLock], function: Callable[P, R]) -> Callable[P, R]:
    """The function, plain or async, that takes `lock` of its arguments for each call."""
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def run_async(*args: P.args, **kwargs: P.kwargs) -> Any:
            async with lock(*args, **kwargs):
                return await function(*args, **kwargs)

        return cast("Callable[P, R]", run_async)

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        with lock(*args, **kwargs):
            return function(*args, **kwargs)

    return run
