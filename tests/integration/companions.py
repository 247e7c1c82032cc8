"""Starting the other processes, and never leaving one behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import IO, Self

ROOT = Path(__file__).parents[2]
PATIENCE = 60.0
"""Seconds nothing here should ever need."""


class Companion:
    """A process that plays a role of `roles.py`; killed at the latest when the context is left."""

    module = "tests.integration.roles"

    def __init__(self, role: str, *arguments: str, before: tuple[str, ...] = ()) -> None:
        command = [*before, sys.executable, "-m", self.module, role, *arguments]
        # Without buffers: lines read ahead into one would be missing from what `communicate` answers.
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, bufsize=0
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def line(self) -> str:
        """Read a line."""
        return self._output.readline().decode().rstrip("\n")

    def expect(self, line: str) -> None:
        """Read a line and check it."""
        read = self.line()
        assert read == line, f"expected {line!r}, read {read!r}"

    def tell(self, line: str = "") -> None:
        self._input.write(f"{line}\n".encode())

    def finish(self) -> str:
        """Close its input, wait for its end, answer what else it printed."""
        output, _ = self._process.communicate(timeout=PATIENCE)
        text = output.decode()
        assert self._process.returncode == 0, f"ended with {self._process.returncode}: {text}"
        return text

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        self._input.close()
        self._output.close()

    @property
    def _input(self) -> IO[bytes]:
        assert self._process.stdin is not None
        return self._process.stdin

    @property
    def _output(self) -> IO[bytes]:
        assert self._process.stdout is not None
        return self._process.stdout
