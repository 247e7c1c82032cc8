"""Where the extra `grpc` is not installed."""

from __future__ import annotations

import subprocess
import sys

import pytest

HIDE = """
import importlib.util, sys

class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("grpc", "grpc_health", "pyzeebe", "httpx", "uvloop", "google"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Hidden())
found = importlib.util.find_spec
importlib.util.find_spec = lambda name: None if name in ("grpc", "pyzeebe") else found(name)
"""
COMMAND = "from procession.cli import main; sys.argv[1:] = {!r}; main()"


def python(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", HIDE + program], capture_output=True, text=True, timeout=120)


def test_procession_is_imported_all_the_same() -> None:
    done = python("import procession, procession.workflow, procession.cli")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "program",
    [
        "from procession import Procession; Procession('grpc://localhost').sync().__enter__()",
        COMMAND.format(["publish", "message", "--db", "grpc://localhost"]),
        COMMAND.format(["up", "--db", "sqlite:////nowhere/at/all.db", "--grpc", "0"]),
    ],
    ids=["app", "command", "server"],
)
def test_what_needs_it_says_what_to_install(program: str) -> None:
    done = python(program)
    assert done.returncode != 0
    assert 'pip install "procession[grpc]"' in done.stderr
