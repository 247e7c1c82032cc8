"""The program in the guide to the workflow component is a file that runs."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / "examples" / "workflow" / "registration.py"


def test_it_runs_in_an_empty_folder(tmp_path: Path) -> None:
    for name in ("registration.py", "registration.bpmn"):
        shutil.copy(PROGRAM.with_name(name), tmp_path)
    finished = subprocess.run(
        [sys.executable, "registration.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert finished.stderr == ""
    assert finished.stdout.splitlines() == [
        "mail@example.org asks u-1 to confirm",
        "welcome u-1, your plan is yearly",
    ]


def test_the_guide_shows_it_as_it_is() -> None:
    code = PROGRAM.read_text(encoding="utf-8")
    program = code[code.index("import asyncio") :]
    assert program in (ROOT / "docs" / "workflow.md").read_text(encoding="utf-8")
