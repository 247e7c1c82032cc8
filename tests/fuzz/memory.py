"""What a server really holds; its resident pages also keep what was freed."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import NamedTuple

import pytest

PROBE = Path(__file__).with_name("probe")
"""The folder of the module that a Python process imports when it starts."""


class Held(NamedTuple):
    blocks: int
    """Python's own, of at most 512 bytes."""
    heap: int
    """Bytes of the C heap."""


class Probe:
    """Put into every Python process that is started after it; one of them answers."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._socket = str(folder / "probe")
        monkeypatch.setenv("PYTHONPATH", str(PROBE))
        monkeypatch.setenv("MEMORY_PROBE", self._socket)

    def held(self) -> Held:
        with socket.socket(socket.AF_UNIX) as asking:
            asking.connect(self._socket)
            with asking.makefile() as answer:
                return Held(**json.load(answer))
