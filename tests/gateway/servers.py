"""`procession up --grpc` as a process of its own."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

SECONDS = 90.0
ZEEBE = pytest.param("zeebe", marks=pytest.mark.zeebe)
"""A parameter for a real Zeebe."""
COMMAND = (sys.executable, "-m", "procession.cli")


def kinds(config: pytest.Config, *ours: str) -> list[Any]:
    """What a test of any server is run on: `ours`, and a real Zeebe as well with `--zeebe`."""
    return [*ours, ZEEBE] if config.getoption("--zeebe") else [*ours]


class Served:
    """A server that said it is ready. `address` is its HOST:PORT."""

    def __init__(self, url: str, *options: str, address: str = "0", log: Path | None = None) -> None:
        self.url = url
        with log.open("wb") if log else contextlib.nullcontext(subprocess.PIPE) as errors:
            self.process = subprocess.Popen(
                [*COMMAND, "up", "--db", url, "--grpc", address, "--format", "json", *options],
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        self.said = self._read()
        self.address: str = self.said["grpc"]["address"]

    def _read(self) -> dict[str, Any]:
        """The next JSON object it prints."""
        assert self.process.stdout is not None
        text = ""
        while not text.endswith("}\n"):
            line = self.process.stdout.readline()
            if not line:
                raise AssertionError(f"it ended: {self.process.communicate()[1]}")
            text += line if line != "  }\n" else line.rstrip()
        found: dict[str, Any] = json.loads(text)
        return found

    def next_line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        """End it. Answers its exit code and what it said on stderr."""
        self.process.send_signal(number)
        _, err = self.process.communicate(timeout=SECONDS)
        return self.process.returncode, err

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


@contextlib.contextmanager
def serving(url: str, *options: str, address: str = "0", log: Path | None = None) -> Iterator[Served]:
    """Run one until the block is left; it writes its log to a file if one is given."""
    served = Served(url, *options, address=address, log=log)
    try:
        yield served
    finally:
        served.end()


def database(folder: Path) -> str:
    return f"sqlite:///{folder / 'procession.db'}"
