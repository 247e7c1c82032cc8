"""Wake-ups by datagrams.

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

from procession.storage.port import Wire

_MAX_PATH = 100
"""Unix socket addresses are short; a longer folder is replaced by one under the temporary folder."""
_TICK = 50_000_000


def folder_for(database: Path) -> Path:
    """Where the nodes of a database bind their sockets."""
    path = database.resolve()
    beside = Path(f"{path}-nodes")
    if len(str(beside)) <= _MAX_PATH - 20:
        return beside
    digest = hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"procession-{digest}"


class DatagramWire(Wire):
    """This node's socket and the others' addresses."""

    limit = 65_536

    def __init__(self, database: Path, *, listen: bool) -> None:
        self._folder = folder_for(database)
        self._folder.mkdir(parents=True, exist_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._own: str | None = None
        self._seen = -1
        self._others: list[str] = []
        if listen:
            self.listen()

    def fileno(self) -> int:
        return self._socket.fileno()

    def listen(self) -> None:
        if self._own is None:
            self._own = str(self._folder / f"{os.getpid()}-{secrets.token_hex(3)}")
            self._socket.bind(self._own)

    def send(self, payload: bytes) -> None:
        for address in self._addresses():
            try:
                self._socket.sendto(payload, address)
            except (ConnectionRefusedError, FileNotFoundError):
                with contextlib.suppress(OSError):
                    os.unlink(address)
            except OSError:
                continue  # its queue is full: it has enough reasons to look

    def pending(self) -> bool:
        return False

    def receive(self) -> list[bytes]:
        received = []
        while True:
            try:
                received.append(self._socket.recv(self.limit))
            except BlockingIOError:
                return received

    def others(self) -> bool:
        return bool(self._addresses())

    def _addresses(self) -> list[str]:
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
        self._socket.close()
        if self._own is not None:
            with contextlib.suppress(OSError):
                os.unlink(self._own)
