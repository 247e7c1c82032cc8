"""The embedded engine behind a tester: an app, its event loop, and its clock."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from functools import cached_property

import sqlalchemy as sa

from procession.client.app import Procession
from procession.client.sync import SyncProcession
from procession.errors import DeadlineExceeded, NotFound
from procession.storage import searches
from procession.storage.schema import tables
from procession.storage.searches import InstanceDetail
from procession.testing.clock import Clock
from procession.testing.jobs import OpenJob, open_jobs

SETTLE_SECONDS = 60.0
"""What takes longer than this, in real time, fails the test."""
EVERYTHING = 1_000_000
_instance = tables["process_instance"].c


class Runtime:
    """Runs an app on a loop of its own, and knows when it has nothing left to do."""

    def __init__(self, app: Procession) -> None:
        self.app: SyncProcession = app.sync()
        self._procession = app
        self.app.__enter__()

    @cached_property
    def clock(self) -> Clock:
        """Opened when a test first asks for the time: most never do."""
        return Clock(self._procession.url)

    def close(self) -> None:
        if "clock" in vars(self):
            self.clock.close()
        self.app.__exit__(None, None, None)

    def settle(self) -> None:
        """Wait until every token waits for something outside, and no handler runs.

        Raises:
            DeadlineExceeded: that does not come about.
        """
        self.app._call(self._settle())

    async def _settle(self) -> None:
        try:
            await asyncio.wait_for(self._procession._rest(), SETTLE_SECONDS)
        except TimeoutError:
            raise DeadlineExceeded(
                f"the engine has not come to rest in {SETTLE_SECONDS:.0f} s: a handler runs on, or a process "
                "goes round without ever waiting"
            ) from None

    def advance(self, delta: timedelta) -> None:
        """Let time pass: whatever falls due on the way happens at its own time, in order."""
        self.settle()
        end = self.clock.now() + delta // timedelta(milliseconds=1)
        due = self.clock.next_due()
        while due is not None and due <= end:
            self._move_to(due)
            due = self.clock.next_due()
        self._move_to(end)

    def _move_to(self, at: int) -> None:
        missing = at - self.clock.now()
        if missing > 0:
            self.clock.move(timedelta(milliseconds=missing))
        self.settle()

    def newest_root(self) -> int | None:
        """The key of the root instance that was started last."""
        query = sa.select(_instance.key).where(_instance.parent_element_key.is_(None))
        query = query.order_by(_instance.started_at.desc(), _instance.key.desc()).limit(1)
        with self._procession._embedded.storage.reader().connect() as connection:
            key: int | None = connection.execute(query).scalar()
        return key

    def detail(self, instance_key: int) -> InstanceDetail:
        """Everything about an instance, without the usual limit.

        Raises:
            NotFound: there is none.
        """
        detail = searches.instance(
            self._procession._embedded.storage.reader(), instance_key, limit=EVERYTHING
        )
        if detail is None:
            raise NotFound(f"there is no process instance with key {instance_key}", key=instance_key)
        return detail

    def open_jobs(self, instance_key: int) -> list[OpenJob]:
        """The jobs of an instance and of those it called that are not answered, oldest first."""
        with self._procession._embedded.storage.reader().connect() as connection:
            return open_jobs(connection, instance_key)
