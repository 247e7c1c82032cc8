"""Carrying answers from the node's thread to the event loop that waits for them, in batches."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

Settled = tuple["asyncio.Future[Any]", Any, BaseException | None]


class Inbox:
    """One event loop's side. A batch's answers cost one wake-up of the loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop

    def post(self, settled: list[Settled]) -> None:
        """Settle futures on the loop; called on the node's thread."""
        self.call(_settle, settled)

    def call(self, function: Callable[..., object], *arguments: Any) -> None:
        """Call something on the loop; a loop that is gone has nobody who waits."""
        with contextlib.suppress(RuntimeError):
            self.loop.call_soon_threadsafe(function, *arguments)


def _settle(settled: list[Settled]) -> None:
    for future, result, error in settled:
        if future.done():
            continue
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)
