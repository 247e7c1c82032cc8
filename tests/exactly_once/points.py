"""Where in its work a process is, told through memory that outlives it."""

from __future__ import annotations

import mmap
from enum import IntEnum
from pathlib import Path

from tests.forkserver import die


class Point(IntEnum):
    """The points of a process's work, in the order of a request."""

    STARTING = 0
    # A service:
    RECEIVED = 1
    RECORDED = 2
    """The message id is written, the effect not yet."""
    CHANGED = 3
    """The effect is written, the answer not yet."""
    APPLIED = 4
    """All is written, nothing committed."""
    COMMITTED = 5
    """Not acknowledged."""
    PUBLISHING = 6
    """Answers are claimed by a relay."""
    PUBLISHED = 7
    """Answers are with the broker, and still in the outbox."""
    # A worker of cases:
    STAGED = 8
    """A stage has run, and nothing of it is stored."""
    ASKING = 9
    """Requests are about to be published."""
    ASKED = 10
    """They are with the broker, and the engine does not know."""
    ANSWERED = 11
    """A reply was received."""
    CORRELATED = 12
    """Its case has it; it is not acknowledged."""


OF_SERVICES = tuple(Point)[1:8]
OF_CASES = tuple(Point)[8:]


class Board:
    """One byte for each slot: the last point that its process came to."""

    def __init__(self, path: Path, slots: int) -> None:
        if not path.exists():
            path.write_bytes(bytes(slots))
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), slots)

    def put(self, slot: int, point: Point) -> None:
        self._memory[slot] = point

    def get(self, slot: int) -> Point:
        return Point(self._memory[slot])


class Trail:
    """What a process passes; at one of the points, the n-th time, it kills itself."""

    def __init__(self, board: Board, slot: int, deadly: Point | None, after: int) -> None:
        self._board = board
        self._slot = slot
        self._deadly = deadly
        self._left = after
        board.put(slot, Point.STARTING)

    def at(self, point: Point) -> None:
        """It is here."""
        self._board.put(self._slot, point)
        if point is self._deadly:
            self._left -= 1
            if self._left <= 0:
                die()
