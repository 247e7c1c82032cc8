"""Telling the other nodes of a database that there is something for them.

What is said is a hint; how it travels is the storage's affair (`Wire`). Hints may be lost: a check
each second covers that.
"""

from __future__ import annotations

import msgspec

from procession.storage.port import Storage, Wire

MAX_NAMES = 50


class Hint(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a commit left for others. Everything in it is only a reason to look."""

    jobs: tuple[str, ...] = ()
    """Types of which there may be activatable jobs."""
    commands: bool = False
    timer: int | None = None
    """A timer was set that is due then."""
    ended: tuple[int, ...] = ()
    """Instances that ended."""
    all: bool = False
    """Too much to name: look at everything."""

    def __bool__(self) -> bool:
        return bool(self.jobs or self.commands or self.timer is not None or self.ended or self.all)


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Hint).decode
_ALL = _encode(Hint(all=True))


class Peers:
    """The other nodes of a database."""

    def __init__(self, storage: Storage, *, listen: bool) -> None:
        self._wire: Wire = storage.wire(listen=listen)
        self.listen = self._wire.listen
        self.others = self._wire.others
        self.pending = self._wire.pending
        self.close = self._wire.close

    def sockets(self) -> list[int]:
        """What becomes readable when a hint comes."""
        number = self._wire.fileno()
        return [number] if number >= 0 else []

    def tell(self, hint: Hint) -> None:
        """Send to every other live node; never blocks, never fails."""
        payload = _encode(hint)
        self._wire.send(payload if len(payload) <= self._wire.limit else _ALL)

    def receive(self) -> list[Hint]:
        """All hints that have come."""
        return [_read(payload) for payload in self._wire.receive()]


def _read(payload: bytes) -> Hint:
    try:
        return _decode(payload)
    except msgspec.DecodeError:
        return Hint(all=True)  # something was lost, or comes from another version
