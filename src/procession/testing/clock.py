"""The test clock: lets the time of every node of a database jump."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Self

import sqlalchemy as sa

from procession.broker.wakeup import Hint, Peers
from procession.storage import open_storage
from procession.storage.port import Storage
from procession.storage.schema import tables
from procession.storage.searches.reading import moment, now

_timer = tables["timer"].c
_job = tables["job"].c


class Clock:
    """The clock of a database, on connections of its own, so that nodes may run meanwhile."""

    def __init__(self, url: str) -> None:
        self._storage: Storage = open_storage(url)
        self._peers = Peers(self._storage, listen=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        self._peers.close()
        self._storage.close()

    def now(self) -> int:
        """The time of the nodes, in epoch milliseconds."""
        with self._storage.reader().connect() as connection:
            return now(connection)

    def moment(self) -> datetime:
        """The time of the nodes (UTC)."""
        return moment(self.now())

    def next_due(self) -> int | None:
        """When the next timer fires, or the next lease or backoff of a job ends; None if nothing waits."""
        with self._storage.reader().connect() as connection:
            at = now(connection)
            timer = connection.execute(sa.select(sa.func.min(_timer.due))).scalar()
            job = connection.execute(sa.select(sa.func.min(_job.due)).where(_job.due > at)).scalar()
        return min((due for due in (timer, job) if due is not None), default=None)

    def move(self, delta: timedelta) -> None:
        """Jump ahead, and let every live node of the database know."""
        self._storage.move_clock(delta // timedelta(milliseconds=1))
        self._peers.tell(Hint(all=True))
