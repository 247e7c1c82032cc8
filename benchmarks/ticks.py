"""Counting what workers in other processes have done, without costing them anything."""

from __future__ import annotations

import mmap
import os
import threading
import time
from pathlib import Path

SLOTS = 8192
"""Each thread has one of its own, so none waits for another and no count is lost."""
FILE = "PROCESSION_BENCH_TICKS"
"""Environment: the file that is shared."""
LOOK_SECONDS = 0.02


class Ticks:
    """A count that threads of many processes add to."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_bytes(bytes(SLOTS * 8))
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), SLOTS * 8)
        self._slots = memoryview(self._memory).cast("Q")

    @classmethod
    def shared(cls) -> Ticks:
        """That of this run, for its workers."""
        return cls(Path(os.environ[FILE]))

    def tick(self) -> None:
        """One more is done."""
        self._slots[threading.get_native_id() % SLOTS] += 1

    def count(self) -> int:
        return sum(self._slots)

    def wait(self, count: int, seconds: float) -> float:
        """Wait for the first, and until there are so many; answers how many a second came in between.

        Raises:
            RuntimeError: that has taken longer than so many seconds.
        """
        end = time.monotonic() + seconds
        first, began = 0, 0.0
        while (now := self.count()) < count:
            if now and not first:
                first, began = now, time.monotonic()
            if time.monotonic() > end:
                raise RuntimeError(f"{now} of {count} were done in {seconds} seconds")
            time.sleep(LOOK_SECONDS)
        return (count - first) / (time.monotonic() - began)
