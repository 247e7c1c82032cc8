"""Our own server, as a process."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from msgspec import Struct

from tests.oracle.our_state import Database

_STOP_SECONDS = 20.0


class Server(Struct, frozen=True):
    address: str
    database: Database


def _greeting(process: subprocess.Popen[bytes]) -> Any:
    """What it says when it is ready: a JSON object over several lines."""
    lines: list[bytes] = []
    for line in process.stdout or ():
        lines.append(line)
        if line.rstrip() == b"}":
            return json.loads(b"".join(lines))
    raise RuntimeError(f"procession up ended with {process.wait()}")


@contextlib.contextmanager
def running_procession() -> Iterator[Server]:
    """`procession up --grpc` on a new SQLite file and a free port, stopped afterwards."""
    with tempfile.TemporaryDirectory(prefix="oracle-") as folder:
        url = f"sqlite:///{Path(folder) / 'oracle.db'}"
        command = [sys.executable, "-m", "procession.cli", "up", "--db", url, "--grpc", "127.0.0.1:0"]
        process = subprocess.Popen([*command, "--format", "json"], stdout=subprocess.PIPE)
        try:
            address = _greeting(process)["grpc"]["address"]
            database = Database(url)
            yield Server(address, database)
            database.close()
        finally:
            process.terminate()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdout is not None:
                process.stdout.close()
