"""Carrying answers from the node's thread to the event loop that waits for them.

A batch may settle a hundred futures and bring a hundred jobs. Each wakes a task, and an event loop
runs all that is awake before it looks at anything else; so they go out in slices, and what else lives
on the loop gets its turn in between.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

Settled = tuple["asyncio.Future[Any]", Any, BaseException | None]

SLICE = 8
"""Deliveries in one turn of the loop."""
_WEIGHT = 0.1
"""Of one delivery in the running mean of the lag."""


class Inbox:
    """One event loop's side. Any thread may post; deliveries keep their order."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.context = contextvars.Context()
        """Callbacks run in this one: the loop need not copy one for each."""
        self._items: deque[tuple[Callable[[Any], object], Any]] = deque()
        self._awake = False
        self._woken_at: float | None = None
        self.lag_seconds = 0.0
        """How long deliveries have waited for the loop lately; long when it has too much to do."""

    def post(self, settled: Iterable[Settled]) -> None:
        """Settle futures on the loop."""
        self._items.extend((_settle, item) for item in settled)
        self._wake()

    def call_each(self, function: Callable[[Any], object], arguments: Iterable[Any]) -> None:
        """Call something on the loop for each of the arguments."""
        self._items.extend((function, argument) for argument in arguments)
        self._wake()

    def call(self, function: Callable[..., object], *arguments: Any) -> None:
        """Call something on the loop, ahead of what waits; a loop that is gone has nobody who waits."""
        with contextlib.suppress(RuntimeError):
            self.loop.call_soon_threadsafe(function, *arguments, context=self.context)

    def _wake(self) -> None:
        if not self._awake:
            self._awake = True
            self._woken_at = time.perf_counter()
            self.call(self._deliver)

    def _deliver(self) -> None:
        if self._woken_at is not None:
            waited = time.perf_counter() - self._woken_at
            self._woken_at = None
            self.lag_seconds += _WEIGHT * (waited - self.lag_seconds)
        items = self._items
        try:
            for _ in range(min(len(items), SLICE)):
                function, argument = items.popleft()
                function(argument)
        finally:
            self._awake = False
            if items and not self._awake:  # a post since then may have woken us already
                self._awake = True
                self.loop.call_soon(self._deliver, context=self.context)


def _settle(settled: Settled) -> None:
    future, result, error = settled
    if future.done():
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)
