"""`procession worker --drain`: telling workers to end, and waiting until they have."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Sequence
from datetime import timedelta

import msgspec
import typer

from procession.cli.options import OutputFormat
from procession.cli.output import print_json, print_text
from procession.cli.servers import must_have_registry
from procession.errors import DeadlineExceeded, NotFound
from procession.operations.registry import Kind, Registration, Registry, Served, Standing

LOOK_SECONDS = 0.5


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """Which workers are meant: those that fit all that is given."""

    app: str | None
    ids: tuple[str, ...]
    serves: str | None
    older_than: timedelta | None
    all: bool

    @property
    def is_made(self) -> bool:
        return self.all != bool(self.app or self.ids or self.serves)

    def of(self, workers: Sequence[Registration]) -> list[Registration]:
        """Those of them that are meant.

        Raises:
            InvalidInput: `serves` is no version of a case.
            NotFound: an id is none of a worker that runs; or nobody is meant.
        """
        unknown = sorted(set(self.ids) - {one.id for one in workers})
        if unknown:
            raise NotFound(f"no worker with the id {', '.join(unknown)} runs; see `procession servers list`")
        served = None if self.serves is None else Served.read(self.serves)
        found = [
            one
            for one in workers
            if (self.app is None or one.app == self.app)
            and (not self.ids or one.id in self.ids)
            and (served is None or served in one.serves)
            and (self.older_than is None or one.age >= self.older_than)
        ]
        if not found:
            raise NotFound("no such worker runs; see `procession servers list`")
        return found


def drain(db: str, choice: Choice, timeout: timedelta, format: OutputFormat) -> None:
    """Tell workers to drain, and wait until they have ended.

    Raises:
        NotFound: no such worker runs.
        DeadlineExceeded: the timeout was over first.
        Unsupported: a remote server has no registry.
    """
    if not choice.is_made:
        raise typer.BadParameter("name MODULE:APP, --id or --serves; or --all without them")
    must_have_registry(db)
    told, lost = asyncio.run(_drain(db, choice, timeout, format))
    if format is OutputFormat.JSON:
        print_json({"drained": [one.id for one in told], "lost": [one.id for one in lost]})
        return
    for one in lost:
        print_text(
            f"Lost: {one} did not say that it ended: it was killed, or stands still. Its jobs are handed out "
            "again when their leases end."
        )
    print_text(f"Drained: {len(told) - len(lost)}")


async def _drain(
    db: str, choice: Choice, timeout: timedelta, format: OutputFormat
) -> tuple[list[Registration], list[Registration]]:
    """Those that were told, and those of them that were lost."""
    async with Registry(db, upgrade=False) as registry:
        told = choice.of(await registry.alive(Kind.WORKER))
        await registry.drain(told)
        if format is OutputFormat.TABLE:
            print_text(*(f"Draining: {one}" for one in told))
            sys.stdout.flush()
        return told, await _ended(registry, told, timeout)


async def _ended(registry: Registry, told: list[Registration], timeout: timedelta) -> list[Registration]:
    """Wait until they have ended. Answers those that were lost.

    Raises:
        DeadlineExceeded: some have not.
    """
    deadline = time.monotonic() + timeout.total_seconds()
    while True:
        known = {one.id: one for one in await registry.known(Kind.WORKER)}
        now = [known[one.id] for one in told if one.id in known]
        left = [one for one in now if one.standing.is_alive]
        if not left:
            return [one for one in now if one.standing is Standing.LOST]
        if time.monotonic() >= deadline:
            raise DeadlineExceeded(
                f"after {timeout} these still finish what they hold: {', '.join(map(str, left))}; "
                "wait for them once more, or send them SIGTERM to have their jobs given back"
            )
        await asyncio.sleep(LOOK_SECONDS)
