"""Keys for new records: blocks taken from the database, handed out from memory."""

from __future__ import annotations

import threading

from procession.errors import ResourceExhausted
from procession.storage.port import Storage

BLOCK = 50_000


class KeysExhausted(Exception):
    """A batch needs more keys than are at hand; it runs again after a larger block was taken."""


class KeySource:
    """Hands keys out in order. A pass that is repeated gets the same keys again."""

    def __init__(self, storage: Storage, block: int = BLOCK) -> None:
        self._storage = storage
        self._block = block
        self._range = range(0)
        self._at = 0
        """The next key of the current pass."""
        self._lock = threading.Lock()

    def grow(self) -> None:
        """A block was not enough for a batch: before the next one a larger one is taken."""
        with self._lock:
            self._block *= 2
            self._range = range(0)
            self._at = 0

    def refill(self) -> None:
        """Take a new block when less than half of one is left (before a batch, never in one)."""
        if self.low:
            taken = self._storage.reserve_keys(self._block)
            with self._lock:
                self._range = taken
                self._at = taken.start

    @property
    def low(self) -> bool:
        """Whether less than half of a block is left."""
        return len(self._range) < self._block // 2

    def rewind(self) -> None:
        """Begin a pass."""
        self._at = self._range.start

    def keep(self) -> None:
        """The pass was committed: its keys are used up."""
        with self._lock:
            self._range = range(self._at, self._range.stop)

    def set_aside(self) -> int:
        """A key for a caller on another thread, from the far end of the block.

        Raises:
            ResourceExhausted: the block is nearly used up; the node's thread takes a new one.
        """
        with self._lock:
            if self._range.stop - self._at < self._block // 10:
                raise ResourceExhausted("this node is just taking new keys; try again")
            self._range = range(self._range.start, self._range.stop - 1)
            return self._range.stop

    def next(self) -> int:
        """The next key.

        Raises:
            KeysExhausted: the block is empty.
        """
        key = self._at
        if key >= self._range.stop:
            raise KeysExhausted
        self._at = key + 1
        return key
