"""The program in the README is a file that runs."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / "examples" / "quickstart" / "parcel.py"


def test_the_quickstart_runs_in_an_empty_folder_and_a_second_run_finds_its_parcel_again(
    tmp_path: Path,
) -> None:
    # Given the two files of the quickstart in an empty folder
    for name in ("parcel.py", "parcel.bpmn"):
        shutil.copy(PROGRAM.with_name(name), tmp_path)
    # When the program runs twice
    first, second = (_run(tmp_path) for _ in range(2))
    # Then the first run ships the parcel, and the second is answered with the same instance
    assert "shipping A-1, paid 19.90" in first
    assert "'tracking_number': 'EX-A-1'" in first
    assert second == first.splitlines()[-1] + "\n"


def _run(folder: Path) -> str:
    finished = subprocess.run(
        [sys.executable, "parcel.py"], cwd=folder, capture_output=True, text=True, timeout=60, check=True
    )
    assert finished.stderr == ""
    return finished.stdout


def test_the_readme_shows_the_quickstart_as_it_is() -> None:
    # Given the program without its docstring
    code = PROGRAM.read_text(encoding="utf-8")
    program = code[code.index("import asyncio") :]
    # Then it stands in the README to the letter
    assert program in (ROOT / "README.md").read_text(encoding="utf-8")
