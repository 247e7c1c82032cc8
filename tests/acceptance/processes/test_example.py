"""The example runs by one command."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_the_invoicing_example_runs_to_its_end(tmp_path: Path) -> None:
    # Given an empty folder, and a time zone in which it is noon: before midnight no step would begin
    noon = f"NOON{datetime.now(UTC).hour - 12:+d}"
    # When the example is run
    done = subprocess.run(
        [sys.executable, "-m", "examples.invoicing.main"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT), "TZ": noon},
        capture_output=True,
        text=True,
        timeout=120,
    )
    # Then one invoice was held and abandoned, and the others were booked in their order
    assert done.returncode == 0, done.stderr
    assert "8 behind it wait" in done.stdout
    assert done.stdout.count("mail SUCCESS") == 11
    assert "issue RETRY" in done.stdout or "book RETRY" in done.stdout
    assert "only-for-the-books" not in done.stdout
    assert "ERROR: the books refuse it" in done.stderr  # the alert
