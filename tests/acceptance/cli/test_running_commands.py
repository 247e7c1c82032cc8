"""The test's own tool for commands that run until they are stopped."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from .conftest import Background

CHATTY = """
import signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
sys.stdout.write("first\\nsecond\\nthird\\n")
sys.stdout.flush()
signal.pause()
"""


def test_lines_that_came_together_with_the_first_are_not_lost(tmp_path: Path) -> None:
    # Given a command that says several lines at once
    command = Background([sys.executable, "-c", CHATTY], tmp_path, dict(os.environ))
    # When it is stopped
    answer = command.stop(signal.SIGTERM)
    # Then all of them are there
    assert command.first_line == "first\n"
    assert answer == (0, "first\nsecond\nthird\n", "")
