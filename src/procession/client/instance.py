"""A handle on a process instance that was started."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from procession.client.values import decode_variables
from procession.errors import DeadlineExceeded, NotFound

if TYPE_CHECKING:
    from procession.client.commands import Commands

START_SECONDS = 0.02
"""Between two looks at an instance whose start is committed and not yet carried out."""


class Instance:
    """A process instance: its key, and its result when it has one."""

    __slots__ = ("_app", "_command_key", "created", "key", "process_id", "version")

    def __init__(
        self,
        app: Commands,
        *,
        key: int,
        process_id: str,
        version: int | None,
        created: bool,
        command_key: int | None = None,
    ) -> None:
        self._app = app
        self.key = key
        self.process_id = process_id
        self.version = version
        """None when it was started on the caller's connection: it is known once that has committed."""
        self.created = created
        """False if an earlier start with the same idempotency key made it."""
        self._command_key = command_key
        """Of the row that will start it, when it was written on the caller's connection."""

    def __repr__(self) -> str:
        return f"Instance(key={self.key}, process_id={self.process_id!r})"

    async def result(self, timeout: timedelta | None = None) -> dict[str, Any]:
        """Wait until the instance has ended; answers the variables of its root scope.

        Raises:
            DeadlineExceeded: it has not ended within `timeout` (None: no limit); it goes on.
            Aborted: it was cancelled.
            NotFound: there is no such instance (any more).
            NotReady: the app was left meanwhile.
            Unsupported: a remote server cannot wait for an instance that runs already; use `app.run`.
        """
        backend = self._app._backend
        inbox = backend.inbox
        deadline = None if timeout is None else inbox.loop.time() + timeout.total_seconds()
        while True:
            starting = self._command_key is not None and await backend.is_waiting(self._command_key)
            watched, expiry = backend.watch(self.key), None
            if deadline is not None:
                # A timer on the future itself: a block with a time limit costs a dozen times as much.
                expiry = inbox.loop.call_at(deadline, _expire, watched, context=inbox.context)
            try:
                return decode_variables(await watched)
            except NotFound:
                if not starting:  # else the row on the caller's connection has yet to be carried out
                    raise
            except TimeoutError:
                raise DeadlineExceeded(
                    f"process instance {self.key} has not ended within {timeout}; it goes on", key=self.key
                ) from None
            finally:
                if expiry is not None:
                    expiry.cancel()
            await asyncio.sleep(START_SECONDS)


def _expire(watched: asyncio.Future[dict[str, str]]) -> None:
    if not watched.done():
        watched.set_exception(TimeoutError())
