"""A handle on a process instance that was started."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from procession.client.values import decode_variables
from procession.errors import DeadlineExceeded

if TYPE_CHECKING:
    from procession.client.app import Procession


class Instance:
    """A process instance: its key, and its result when it has one."""

    def __init__(
        self, app: Procession, *, key: int, process_id: str, version: int | None, created: bool
    ) -> None:
        self._app = app
        self.key = key
        self.process_id = process_id
        self.version = version
        """None when it was started on the caller's connection: it is known once that has committed."""
        self.created = created
        """False if an earlier start with the same idempotency key made it."""

    def __repr__(self) -> str:
        return f"Instance(key={self.key}, process_id={self.process_id!r})"

    async def result(self, timeout: timedelta | None = None) -> dict[str, Any]:
        """Wait until the instance has ended; answers the variables of its root scope.

        Raises:
            DeadlineExceeded: it has not ended within `timeout` (None: no limit); it goes on.
            Aborted: it was cancelled.
            NotFound: there is no such instance (any more).
            NotReady: the app was left meanwhile.
        """
        future = self._app._node.watch(self.key, self._app._inbox)
        try:
            texts = await asyncio.wait_for(future, timeout.total_seconds()) if timeout else await future
        except TimeoutError:
            raise DeadlineExceeded(
                f"process instance {self.key} has not ended within {timeout}; it goes on", key=self.key
            ) from None
        return decode_variables(texts)
