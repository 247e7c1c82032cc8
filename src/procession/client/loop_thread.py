"""An event loop on a thread of its own, for code without `await`."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

from procession.broker import FORKED, forks
from procession.errors import NotReady

T = TypeVar("T")


class LoopThread:
    """Runs coroutines for other threads, from `start` to `stop`."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._born = forks.count

    def start(self) -> None:
        self._born = forks.count
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=self._name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        loop, thread = self._loop, self._thread
        self._loop = self._thread = None
        if loop is not None and thread is not None:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()

    def call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """What the coroutine answers.

        Raises:
            NotReady: the thread does not run (in this process).
        """
        if self._loop is None:
            coroutine.close()
            raise NotReady("it is not running; do this inside its `with` block")
        if self._born != forks.count:
            coroutine.close()  # the loop's thread did not come along: nobody would ever answer
            raise NotReady(FORKED)
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()
