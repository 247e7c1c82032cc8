"""How a stage ends: what the case does next."""

from __future__ import annotations

from collections.abc import Generator
from datetime import timedelta
from typing import Any, Self, TypeAlias

import msgspec


class _Ending(msgspec.Struct, frozen=True, kw_only=True):
    """It may be returned, or awaited as in `await ctx.service(...)`, which waits for nothing."""

    def __await__(self) -> Generator[None, None, Self]:
        yield from ()
        return self


class Next(_Ending, frozen=True, kw_only=True):
    """On to another stage."""

    stage: str | None = None
    """None: the one declared after this one; after the last one the case is finished."""
    delay: timedelta = timedelta(0)
    priority: int | None = None
    """Of the next stage's job: the greater, the sooner. None: as all others."""
    retries: int | None = None
    """Tries of the next stage in all. None: as its class says."""
    timeout: timedelta | None = None
    """How long one try of the next stage may take. None: as its class says."""


class Request(_Ending, frozen=True, kw_only=True):
    """A command to a service; the case waits for the reply."""

    service: str
    command: str
    payload: Any
    then: Next
    """The stage that gets the reply."""
    wait: timedelta | None = None
    """For the reply at most. None: as the class says."""


class Finish(_Ending, frozen=True, kw_only=True):
    result: Any = None


class Fail(_Ending, frozen=True, kw_only=True):
    code: str
    message: str


Outcome: TypeAlias = Next | Request | Finish | Fail


def is_time(value: Any) -> bool:
    """Whether it is a duration longer than 0."""
    return isinstance(value, timedelta) and value > timedelta(0)
