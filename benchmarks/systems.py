"""Which systems there are, and how one round of one of them is run."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import msgspec

SYSTEMS: Mapping[str, str] = {
    "procession": "procession_bench",
    "spiff": "peers.spiff:memory",
    "spiff-saved": "peers.spiff:saved",
    "dbos": "peers.dbos_peer:default",
    "dbos-wal": "peers.dbos_peer:wal",
    "floor": "peers.floor",
    "loop-lag": "loop_lag",
    "second-process": "second_process",
    "growth": "growth",
}
"""Name to module and case, in the order of a round."""
ROUND_LIMIT_SECONDS = 900

Rounds = dict[str, list[dict[str, float]]]
"""System name to the figures of each of its rounds."""


class RoundFailed(Exception):
    """A system's process ended with an error; the message is what it wrote to standard error."""


def run_round(system: str, factor: float, parent: Path) -> dict[str, float]:
    """Run one round of `system` in a fresh process, with its files in a fresh folder below `parent`.

    Raises:
        RoundFailed: it ended with an error, or not within `ROUND_LIMIT_SECONDS`.
    """
    parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f"{system}-", dir=parent) as folder:
        command = [sys.executable, "-m", "benchmarks.measure", SYSTEMS[system]]
        command += ["--folder", folder, "--factor", str(factor)]
        try:
            done = subprocess.run(command, capture_output=True, check=True, timeout=ROUND_LIMIT_SECONDS)
        except subprocess.CalledProcessError as failure:
            raise RoundFailed(failure.stderr.decode(errors="replace").strip()) from failure
        except subprocess.TimeoutExpired as failure:
            raise RoundFailed(f"not done within {ROUND_LIMIT_SECONDS} seconds") from failure
    return msgspec.json.decode(done.stdout.splitlines()[-1], type=dict[str, float])
