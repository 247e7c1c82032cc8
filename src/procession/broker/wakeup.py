"""Telling the other nodes of a database that there is something for them.

Each live node binds a unix datagram socket in a folder beside the database. After a commit, one
datagram goes to each of the others; a socket whose owner is gone is removed by whoever notices.
Datagrams may be lost: a check each second covers that.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import socket
import tempfile
import time
from pathlib import Path

import msgspec

_MAX_PATH = 100
"""Unix socket addresses are short; a longer folder is replaced by one under the temporary folder."""
MAX_NAMES = 50
_TICK = 50_000_000


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


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Hint).decode


def folder_for(database: Path) -> Path:
    """Where the nodes of a database bind their sockets."""
    path = database.resolve()
    beside = Path(f"{path}-nodes")
    if len(str(beside)) <= _MAX_PATH - 20:
        return beside
    digest = hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"procession-{digest}"


class Peers:
    """This node's socket and the others' addresses."""

    def __init__(self, database: Path, *, listen: bool) -> None:
        self._folder = folder_for(database)
        self._folder.mkdir(parents=True, exist_ok=True)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self._own: str | None = None
        self._seen = -1
        self._others: list[str] = []
        if listen:
            self.listen()

    def listen(self) -> None:
        """Let the others find this node, if they do not yet."""
        if self._own is None:
            self._own = str(self._folder / f"{os.getpid()}-{secrets.token_hex(3)}")
            self.socket.bind(self._own)

    def tell(self, hint: Hint) -> None:
        """Send to every other live node; never blocks, never fails."""
        payload = _encode(hint)
        for address in self.others():
            try:
                self.socket.sendto(payload, address)
            except (ConnectionRefusedError, FileNotFoundError):
                with contextlib.suppress(OSError):
                    os.unlink(address)
            except OSError:
                continue  # its queue is full: it has enough reasons to look

    def receive(self) -> list[Hint]:
        """All hints that have come."""
        hints = []
        while True:
            try:
                hints.append(_decode(self.socket.recv(65536)))
            except BlockingIOError:
                return hints
            except msgspec.DecodeError:
                hints.append(Hint(all=True))

    def others(self) -> list[str]:
        """The addresses of the other nodes, some of which may be gone."""
        try:
            changed = os.stat(self._folder).st_mtime_ns
        except OSError:
            return []
        if changed != self._seen:
            # Two changes within one tick of the clock look alike, so a young state is not remembered.
            self._seen = changed if time.time_ns() - changed > _TICK else -1
            paths = (entry.path for entry in os.scandir(self._folder))
            self._others = [path for path in paths if path != self._own]
        return self._others

    def close(self) -> None:
        self.socket.close()
        if self._own is not None:
            with contextlib.suppress(OSError):
                os.unlink(self._own)
