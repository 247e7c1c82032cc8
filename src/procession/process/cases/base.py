"""The class users write: a business case of stages."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, ClassVar, TypeVar, overload

import msgspec

from procession.process.policy import RetryPolicy

F = TypeVar("F", bound=Callable[..., Any])
MARK = "__procession_stage__"


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """What a decorator says of a method."""

    first: bool = False
    catches: bool = False
    retry: RetryPolicy | None = None
    timeout: timedelta | None = None


class BusinessCase:
    """A business case: stages that any worker may run at any time, with requests to services between.

        class OpenAccount(BusinessCase, api="v1"):
            HIDDEN = frozenset({"password"})

            @stage(first=True)
            async def create_user(self, ctx):
                ctx.data["email"] = ctx.payload["email"]
                await ctx.service("users", "create", {"email": ctx.payload["email"]}, next="send_mail")

            @stage
            async def send_mail(self, ctx, reply):
                return ctx.finish({"user": reply["id"]})

            @catch
            async def undo(self, ctx, error):
                return ctx.fail(error)

    A stage is a plain or async method that takes `ctx` (a `Context`) and, if it wants it, `reply`: what
    the service answered. It runs in an object of its own, maybe in another process on another machine:
    what later stages need goes into `ctx.data`. After a crash the case goes on with the stage where it
    was, which may therefore run again; what it changed in `ctx.data` and asked for is kept once.

    A stage that raises is tried again (`retry`). When its tries are used up, when it raises `CaseError`,
    or when a reply does not come in time, the case goes on with the method marked `@catch`; without one
    it is held with an incident, and `procession incident resolve KEY --retries 1` lets it go on.

    Several versions of one case live at once, as classes with the same `case_id` and another `api`.
    """

    api: ClassVar[str] = "v1"
    case_id: ClassVar[str] = ""
    """Empty: the name of the class in kebab-case."""
    label: ClassVar[str] = ""
    """For people. Empty: the first line of the class's docstring."""
    HIDDEN: ClassVar[frozenset[str]] = frozenset()
    """Names of fields that nobody may read on screens and in logs, in the payload, the data, requests,
    replies and results, at any depth, whatever their case and punctuation. They are stored encrypted and
    shown as `***`. Stages and services read them as they are, so they are readable in queues and dead
    letters, and in errors whose texts name them. Names may be added at any time; one that is taken away is
    not read any more in cases that run."""
    retry: ClassVar[RetryPolicy] = RetryPolicy()
    timeout: ClassVar[timedelta] = timedelta(minutes=5)
    """How long one try of an async stage may take; plain stages cannot be interrupted."""
    reply_within: ClassVar[timedelta] = timedelta(days=30)
    """How long a case waits for the reply of a service. A request that could not be sent all the while is
    still sent, before the case goes on."""

    def __init_subclass__(cls, *, api: str | None = None, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if api is not None:
            cls.api = api


@overload
def stage(function: F, /) -> F: ...
@overload
def stage(
    *, first: bool = False, retry: RetryPolicy | None = None, timeout: timedelta | None = None
) -> Callable[[F], F]: ...
def stage(
    function: F | None = None,
    /,
    *,
    first: bool = False,
    retry: RetryPolicy | None = None,
    timeout: timedelta | None = None,
) -> F | Callable[[F], F]:
    """Mark a method as a stage. Stages follow each other as they are written, unless one names another.

    Args:
        first: the case begins with it; exactly one stage has it, unless the first one written is meant.
        retry: in place of the class's own.
        timeout: in place of the class's own.
    """

    def marked(function: F) -> F:
        setattr(function, MARK, Mark(first=first, retry=retry, timeout=timeout))
        return function

    return marked if function is None else marked(function)


def catch(function: F) -> F:
    """Mark the method that gets the error (a `CaseFailure`) when a stage has failed for good.

    It may undo what was done, and ends as stages do; returning nothing ends the case as failed.
    """
    setattr(function, MARK, Mark(catches=True))
    return function
