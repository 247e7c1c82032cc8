"""A gRPC server of ours as its users start it: `procession up --grpc`, a process of its own."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

STOP_SECONDS = 20.0


class Server:
    """A running server. `address` is HOST:PORT of its gRPC."""

    def __init__(self, process: subprocess.Popen[str], address: str, log: Path) -> None:
        self.process = process
        self.address = address
        self.log = log

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])

    def resident_bytes(self) -> int:
        """The memory it has now (Linux)."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise RuntimeError(f"process {self.process.pid} has no memory")

    def said(self) -> str:
        """What it wrote to its log."""
        return self.log.read_text(errors="replace")


@contextlib.contextmanager
def running_server(folder: Path, *options: str, url: str | None = None) -> Iterator[Server]:
    """Start a server on a free port, and stop it afterwards.

    Arguments:
        folder: for its log, and its database unless `url` names one.
        options: more of them for `procession up`.

    Raises:
        RuntimeError: it did not start, or did not stop by itself; with its log.
    """
    log = folder / "server.log"
    command = [sys.executable, "-m", "procession.cli", "up", "--grpc", "127.0.0.1:0", "--format", "json"]
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [*command, "--db", url or f"sqlite:///{folder / 'server.db'}", *options],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    assert process.stdout is not None
    try:
        yield Server(process, _address(process.stdout, log), log)
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise RuntimeError(f"the server did not stop:\n{log.read_text(errors='replace')}") from None
        finally:
            process.stdout.close()


def _address(output: IO[str], log: Path) -> str:
    """Where it listens, from what it says when it does."""
    said = ""
    for line in output:
        said += line
        if line == "}\n":
            address: str = json.loads(said)["grpc"]["address"]
            return address
    raise RuntimeError(f"the server did not start:\n{said}{log.read_text(errors='replace')}")
