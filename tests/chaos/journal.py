"""What a client or worker says it intends and was told, written before it goes on.

One JSON object a line. A kill may tear the last line: nobody relied on it yet. What is written is the
kernel's and outlives its writer; nothing is synced, as nobody takes the power away.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

Entry = dict[str, Any]


def read_journal(path: Path) -> list[Entry]:
    """The whole lines of a journal; none if there is no file."""
    if not path.exists():
        return []
    lines = path.read_bytes().split(b"\n")
    return [json.loads(line) for line in lines[:-1]]


class Journal:
    """An open journal; what its owner's predecessor wrote is in `before`."""

    def __init__(self, path: Path) -> None:
        self.before = read_journal(path)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        whole = os.pread(self._file, os.fstat(self._file).st_size, 0).rfind(b"\n") + 1
        os.ftruncate(self._file, whole)
        os.lseek(self._file, whole, os.SEEK_SET)

    def write(self, kind: str, **facts: Any) -> None:
        """Append a line; it survives a kill when this returns. Any thread."""
        os.write(self._file, json.dumps({"kind": kind, **facts}).encode() + b"\n")

    def close(self) -> None:
        os.close(self._file)
