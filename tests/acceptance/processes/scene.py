"""What the tests of step processes have in common."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, TypeVar

from procession import Procession
from procession.process import Process, ProcessInfo, ProcessManager, RetryPolicy, Status

T = TypeVar("T")
PATIENCE = 60.0
"""Seconds after which a test gives up waiting for what must come."""
AT_ONCE = RetryPolicy(wait=timedelta(0))
ORDER = ("order", "A-1")


@asynccontextmanager
async def running(url: str, *kinds: type[Process], **options: Any) -> AsyncIterator[ProcessManager]:
    """An app with these processes; without a cool-down window, so that tests pass at any time of day."""
    manager = ProcessManager(Procession(url, grace=timedelta(seconds=5)), **{"cool_down": None, **options})
    manager.register(*kinds)
    async with manager.app:
        yield manager


async def until(look: Callable[[], Awaitable[T]], wanted: Callable[[T], bool]) -> T:
    """Look again and again until what is seen is what is wanted."""
    async with asyncio.timeout(PATIENCE):
        while not wanted(seen := await look()):  # noqa: ASYNC110  # other processes change it
            await asyncio.sleep(0.01)
        return seen


async def comes_to(manager: ProcessManager, key: int, *statuses: Status) -> ProcessInfo:
    """What a process is when it has come to one of these statuses."""

    async def look() -> ProcessInfo:
        return (await manager.show(key)).info

    return await until(look, lambda info: info.status in statuses)
