"""Channels: what processes queue in."""

from __future__ import annotations

import msgspec

from procession.errors import InvalidInput
from procession.process.names import is_kebab


class Channel(msgspec.Struct, frozen=True):
    """Processes of a channel run in parallel, or one after the other.

    With `fifo` the oldest process that has not finished holds those behind it, whatever holds itself:
    a retry that is not due, an error nobody has seen to. Needs the database.
    """

    name: str = "default"
    fifo: bool = False

    def __post_init__(self) -> None:
        if not is_kebab(self.name):
            raise InvalidInput(f"channel name {self.name!r}: use lower-case words joined by hyphens")


DEFAULT = Channel()
