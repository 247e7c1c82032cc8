"""`procession gateway`, as its users type it."""

from __future__ import annotations

import re
import signal
import subprocess
import sys

import httpx

from tests.acceptance.cli.conftest import SECONDS, Shell

WITHOUT = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "uvicorn":
            raise ModuleNotFoundError(f"No module named {name!r}", name="uvicorn")

sys.meta_path.insert(0, Blocked())
sys.argv = ["procession", "gateway", "--http", "0"]
from procession.cli import main
main()
"""


def test_a_gateway_says_where_it_listens_answers_and_stops(shell: Shell) -> None:
    gateway = shell.begin("gateway", "--http", "0")
    assert "gateway runs" in gateway.first_line
    line = gateway.line_with("HTTP:")
    found = re.search(r"http://127\.0\.0\.1:\d+", line)
    assert found is not None, line

    response = httpx.get(f"{found.group()}/open-account/v1", timeout=SECONDS)
    assert (response.status_code, response.json()["cases"]) == (404, [])

    answer = gateway.stop(signal.SIGTERM)
    assert (answer.code, answer.out.endswith("Stopped.\n")) == (0, True)
    assert answer.err == ""


def test_a_gateway_of_a_server_is_refused(shell: Shell) -> None:
    answer = shell.run("gateway", "--db", "grpc://127.0.0.1:1")
    assert (answer.code, "give the database's URL" in answer.err) == (2, True)


def test_a_port_that_is_none_is_refused(shell: Shell) -> None:
    answer = shell.run("gateway", "--http", "web")
    assert (answer.code, "is no [HOST:]PORT" in answer.err) == (2, True)


def test_a_missing_package_is_named_with_the_extra_that_brings_it(shell: Shell) -> None:
    answer = shell.python(WITHOUT)
    assert answer.code == 1
    assert 'the gateway needs the package uvicorn: pip install "procession[cases]"' in answer.err


def test_help_loads_neither_a_web_server_nor_a_database() -> None:
    program = "import sys, procession.cli.program; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert set(run.stdout.split()).isdisjoint({"uvicorn", "httpx", "litestar", "sqlalchemy"})
