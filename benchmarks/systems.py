"""How one round of one system is run."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import msgspec

from benchmarks.databases import SERVER

ROUND_LIMIT_SECONDS = 900

Rounds = dict[str, list[dict[str, float]]]
"""System name to the figures of each of its rounds."""


class RoundFailed(Exception):
    """A system's process ended with an error; the message is what it wrote to standard error."""


def run_round(
    system: str, module: str, factor: float, parent: Path, server: str | None = None
) -> dict[str, float]:
    """Run one round of `system` in a fresh process, with its files in a fresh folder below `parent`.

    `module` is where it is measured, with `:case` if it has several; `server` is the URL of the
    PostgreSQL server that has its databases.

    Raises:
        RoundFailed: it ended with an error, or not within `ROUND_LIMIT_SECONDS`.
    """
    parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f"{system}-", dir=parent) as folder:
        command = [sys.executable, "-m", "benchmarks.measure", module]
        command += ["--folder", folder, "--factor", str(factor)]
        environment = {**os.environ, **({SERVER: server} if server else {})}
        try:
            done = subprocess.run(
                command, capture_output=True, check=True, timeout=ROUND_LIMIT_SECONDS, env=environment
            )
        except subprocess.CalledProcessError as failure:
            raise RoundFailed(failure.stderr.decode(errors="replace").strip()) from failure
        except subprocess.TimeoutExpired as failure:
            raise RoundFailed(f"not done within {ROUND_LIMIT_SECONDS} seconds") from failure
    return msgspec.json.decode(done.stdout.splitlines()[-1], type=dict[str, float])
