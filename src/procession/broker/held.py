"""Work that needs what another node holds for long: kept apart, so that nobody else waits for it.

It is grouped by the locks it needs, because one attempt tells about all of a group: what waits for a
correlation key may be thousands of messages.
"""

from __future__ import annotations

import time

from procession.broker.batch import Entry
from procession.engine import commands as c

SHARE = 10
"""Attempts take at most one part in so many of the node's time."""
LEAST_SECONDS = 0.02
"""Between two attempts."""


class Held:
    """Used by the node's thread only."""

    def __init__(self) -> None:
        self._groups: dict[frozenset[int], list[Entry]] = {}
        """By the locks needed; the group that was tried longest ago is the first."""
        self._from = 0.0
        self._began = 0.0
        self.trying = False
        """Between `take` and `tried`."""
        self.rows: set[int] = set()
        """Keys of the durable commands among it."""
        self.timers: set[int] = set()
        """Keys of the timers among it."""

    def __bool__(self) -> bool:
        return bool(self._groups)

    def __contains__(self, entry: Entry) -> bool:
        return any(entry in group for group in self._groups.values())

    def put(self, locks: frozenset[int], entries: list[Entry]) -> None:
        """Keep entries that all need these locks."""
        self._groups.setdefault(locks, []).extend(entries)
        self.rows.update(entry.row_key for entry in entries if entry.row_key is not None)
        self.timers.update(key for entry in entries if (key := _timer(entry)) is not None)

    def due(self) -> bool:
        """Whether it is time for another attempt."""
        return bool(self._groups) and time.monotonic() >= self._from

    def patience(self) -> float:
        """Seconds until the next attempt."""
        return max(self._from - time.monotonic(), 0.0)

    def take(self) -> tuple[frozenset[int], list[Entry]]:
        """The group to try next; what is still held is put back before `tried`."""
        self._began = time.monotonic()
        self.trying = True
        locks = next(iter(self._groups))
        entries = self._groups.pop(locks)
        self.rows.difference_update(entry.row_key for entry in entries if entry.row_key is not None)
        self.timers.difference_update(key for entry in entries if (key := _timer(entry)) is not None)
        return locks, entries

    def tried(self) -> None:
        """The attempt is over: the next one comes after a while."""
        self.trying = False
        now = time.monotonic()
        self._from = now + max((now - self._began) * SHARE, LEAST_SECONDS)

    def leave(self) -> list[Entry]:
        """Everything there is, given up."""
        groups = [self.take()[1] for _ in range(len(self._groups))]
        return [entry for group in groups for entry in group]


def _timer(entry: Entry) -> int | None:
    return entry.command.key if entry.row_key is None and isinstance(entry.command, c.TriggerTimer) else None
