"""Noticing what others commit, for the price of one look at the server's snapshot."""

from __future__ import annotations


class ForeignCommits:
    """Compares snapshots: whose transactions have ended since the last one?"""

    def __init__(self) -> None:
        self._seen: tuple[int, frozenset[int]] | None = None
        self._own: set[int] = set()

    def own(self, xid: str | None) -> None:
        """A transaction of ours."""
        if xid is not None:
            self._own.add(int(xid))

    def seen_in(self, snapshot: str) -> bool:
        """Whether any transaction but ours ended since this was last asked (`xmin:xmax:running,...`)."""
        _, upper, running = snapshot.split(":")
        now = int(upper), frozenset(map(int, running.split(","))) if running else frozenset()
        before, self._seen = self._seen, now
        own, self._own = self._own, set()
        if before is None:
            return True
        ended = {xid for xid in before[1] if xid not in now[1]}
        if now[0] - before[0] > len(own) + len(now[1]):
            return True
        ended.update(xid for xid in range(before[0], now[0]) if xid not in now[1])
        return not ended <= own
