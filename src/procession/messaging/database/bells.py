"""Bells: whoever stores a message in this process wakes those who wait for one in the same database."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable

Ring = Callable[[], None]

_lock = threading.Lock()
_bells: defaultdict[tuple[str, str], set[Ring]] = defaultdict(set)


def hang(database: str, queue: str, ring: Ring) -> None:
    """Call `ring`, from any thread, when there may be something in a queue."""
    with _lock:
        _bells[database, queue].add(ring)


def take_down(database: str, queue: str, ring: Ring) -> None:
    """No longer call it."""
    with _lock:
        _bells[database, queue].discard(ring)
        if not _bells[database, queue]:
            del _bells[database, queue]


def ring_all(database: str, queue: str) -> None:
    """There may be something in a queue."""
    with _lock:
        rings = tuple(_bells.get((database, queue), ()))
    for ring in rings:
        ring()
