"""Taking a lock for as long as a block runs."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import socket
import time
import traceback
from collections.abc import Callable
from contextvars import Token
from datetime import timedelta
from types import TracebackType
from typing import TypeVar

import msgspec

from procession.errors import CommandDisabled, LockLost
from procession.model.text import storable
from procession.operations.alerts import Alert
from procession.operations.commands.alerting import failure_alert, outdated_alert
from procession.operations.commands.held import HeldLock, held_here
from procession.operations.commands.port import Draft, LockStore
from procession.operations.commands.records import ERROR_LINES, Record, outdated, taken, written

T = TypeVar("T")

LINE_LENGTH = 500
"""Characters of a line of an error that are kept."""


class CommandLock:
    """The lock of a command, for a `with` or `async with` block; made by `Commands.lock`.

    Entering takes the lock and starts to renew it; leaving gives it back, with how long it took and the
    error, if there was one. Being cancelled or interrupted (`CancelledError`, `KeyboardInterrupt`) is no
    error of the command.

    Raises:
        CommandDisabled: on entering, an operator has stopped the command.
        CommandLocked: on entering, somebody else has the lock.
        LockLost: on leaving, unless the block raised something itself: the lock was lost meanwhile.
        StorageError: on entering, the locks cannot be used.
    """

    def __init__(
        self,
        key: str,
        label: str,
        lease: timedelta,
        store: Callable[[], LockStore],
        tell: Callable[[Callable[[str], Alert]], None],
    ) -> None:
        self.key = key
        self._label = label
        self._lease = lease
        self._store = store
        self._tell = tell
        self._held: HeldLock | None = None
        self._reset: Token[HeldLock | None] | None = None

    # --- without await ------------------------------------------------------------------------------

    def __enter__(self) -> HeldLock:
        return self._entered(self._take())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._give_back(self._left(), error)

    # --- with await ---------------------------------------------------------------------------------

    async def __aenter__(self) -> HeldLock:
        held, cancelled = await _completed(self._take)
        if cancelled is not None:
            await _completed(lambda: self._give_back(held, cancelled))
            raise cancelled
        return self._entered(held)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        held = self._left()
        _, cancelled = await _completed(lambda: self._give_back(held, error))
        if cancelled is not None:
            raise cancelled

    # --- both -----------------------------------------------------------------------------------------

    def _entered(self, held: HeldLock) -> HeldLock:
        self._held, self._reset = held, held_here.set(held)
        return held

    def _left(self) -> HeldLock:
        held, reset = self._held, self._reset
        assert held is not None
        assert reset is not None
        self._held = self._reset = None
        with contextlib.suppress(ValueError):  # the block is left in another context than it was entered in
            held_here.reset(reset)
        return held

    def _take(self) -> HeldLock:
        store = self._store()
        owner = (secrets.token_hex(8), socket.gethostname(), os.getpid())
        # Who would be refused anyway keeps nobody waiting.
        self._taken(store.glance(self.key), owner)
        asked_at = time.monotonic()
        with store.changing(self.key) as draft:
            before, now = msgspec.structs.replace(draft.record, label=self._label), draft.now
            draft.record = record = self._taken(draft, owner)
        if before.holder is not None and not before.notified:
            assert outdated(before, now)
            old = before.holder
            self._tell(lambda service: outdated_alert(service, before, old, now, taken=True))
        return HeldLock(store, record, self._lease, asked_at)

    def _taken(self, draft: Draft, owner: tuple[str, str, int]) -> Record:
        if draft.switch is not None:
            raise CommandDisabled(
                f"{self.key} is {draft.switch}; to run it again, use `procession commands enable "
                f"{draft.switch.key}`, or remove the file if one says so",
                lock_key=self.key,
                reason=draft.switch.reason,
            )
        return taken(draft.record, draft.now, owner, self._lease, draft.floor)

    def _give_back(self, held: HeldLock, error: BaseException | None) -> None:
        if held.forked:
            return  # a fork leaves the block, too; the lock is its parent's
        failure = None if error is None or not _is_failure(error) else _lines(error)
        try:
            record = held.release(failure)
        except LockLost:
            if error is None:
                raise
            record = None
        if failure is not None and not isinstance(error, LockLost):
            self._tell_failure(
                record or Record(key=self.key, label=self._label, fence=held.fencing_number), failure
            )

    def _tell_failure(self, record: Record, failure: str) -> None:
        now = time.time_ns() // 1_000_000
        summary = failure.splitlines()[-1]
        self._tell(lambda service: failure_alert(service, record, summary, record.error_at or now))


async def _completed(action: Callable[[], T]) -> tuple[T, asyncio.CancelledError | None]:
    """Run something on a thread to its end, whatever happens here; answers whether to be cancelled then."""
    running = asyncio.ensure_future(asyncio.to_thread(action))
    cancelled: asyncio.CancelledError | None = None
    while not running.done():
        try:
            await asyncio.shield(running)
        except asyncio.CancelledError as error:
            cancelled = error
        except Exception:
            break  # its own, which is raised below
    if cancelled is not None and running.exception() is not None:
        raise cancelled from running.exception()
    return running.result(), cancelled


def _is_failure(error: BaseException) -> bool:
    """Whether a command that ends with this has failed, rather than been told to end."""
    if isinstance(error, SystemExit):
        return error.code not in (None, 0)
    return isinstance(error, Exception)


def _lines(error: BaseException) -> str:
    """Where it happened, and in the last line when and what; as many lines as are kept."""
    where = "".join(traceback.format_tb(error.__traceback__)).splitlines()
    what = " ".join("".join(traceback.format_exception_only(error)).split())
    lines = [*where[1 - ERROR_LINES :], f"{written(time.time_ns() // 1_000_000)} {what}"]
    return "\n".join(storable(line[:LINE_LENGTH]) for line in lines)
