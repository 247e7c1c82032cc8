"""The port to what takes part in an app's life without being part of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from procession.client.worker import Worker


class Extension(ABC):
    """Something that is given to `Procession.extend`. All is called on the app's event loop."""

    @abstractmethod
    async def prepare(self) -> None:
        """The app has its engine, and has deployed its files; no worker is open yet.

        Raises:
            ProcessionError: the app must not run; entering it fails with this.
        """

    @abstractmethod
    async def begin(self, workers: Sequence[Worker]) -> None:
        """The app's workers are made, and open after this, unless they are paused.

        Not called where the app only executes its own commands (`serve=False`).
        """

    def drain(self) -> None:  # noqa: B027  # most hold nothing that has no end
        """The app leases no more jobs: end what would never end by itself."""

    @abstractmethod
    async def end(self) -> None:
        """The app is left. Also called where `prepare` or `begin` was not reached, or failed."""
