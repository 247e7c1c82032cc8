"""The real command line, in processes of its own, on a real SQLite file."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.building import bpmn, catch, end, job, message, on_message, start

SECONDS = 90
COMMAND = (sys.executable, "-m", "procession.cli")

GREETING = bpmn(start() + job("greet") + end(), "s>greet greet>e", id="greeting")
PAYMENT = bpmn(
    start() + catch("wait", on_message("paid")) + end(),
    "s>wait wait>e",
    id="payment",
    definitions=message("paid", "=order_id"),
)
WORKER = """
from procession import Incident, Procession

app = Procession("sqlite:///procession.db")
left = "to greet"


@app.task("greet")
async def greet(who: str) -> dict:
    if who == "nobody":
        raise Incident("there is nobody " + left)
    return {"greeting": f"Hello {who}"}
"""


class Answer(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        assert self.code == 0, self.err
        return json.loads(self.out)


class Background:
    """A command that runs until it is told to stop; made when it has said that it runs."""

    def __init__(self, command: Sequence[str], folder: Path, env: dict[str, str]) -> None:
        # Without a buffer: lines read ahead into one would be missing from what `communicate` answers.
        self._process = subprocess.Popen(
            command, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
        )
        self._said: list[str] = []
        self.first_line = self._read()

    def _read(self) -> str:
        assert self._process.stdout is not None
        self._said.append(self._process.stdout.readline().decode())
        return self._said[-1]

    def line_with(self, text: str) -> str:
        """Wait for the next line in which a text occurs."""
        while text not in (line := self._read()):
            assert line, f"it ended without saying {text!r}"
        return line

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> Answer:
        self._process.send_signal(number)
        return self.ended()

    def ended(self) -> Answer:
        """Wait for its end."""
        out, err = self._process.communicate(timeout=SECONDS)
        return Answer(self._process.returncode, "".join(self._said) + out.decode(), err.decode())

    def end(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate()


class Shell:
    """A folder in which commands run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.running: list[Background] = []
        self._env = {k: v for k, v in os.environ.items() if not k.startswith(("PROCESSION_", "COLUMNS"))}

    def write(self, name: str, content: bytes | str) -> None:
        (self.folder / name).write_bytes(content.encode() if isinstance(content, str) else content)

    def run(self, *arguments: str, **env: str) -> Answer:
        return self._run(*COMMAND, *arguments, **env)

    def python(self, program: str) -> Answer:
        """Run a program in this folder."""
        return self._run(sys.executable, "-c", program)

    def _run(self, *command: str, **env: str) -> Answer:
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self._env | env,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        return Answer(done.returncode, done.stdout, done.stderr)

    def ask(self, *arguments: str) -> Any:
        """What a command that must succeed prints as JSON."""
        return self.run(*arguments, "--format", "json").json

    def ended(self, key: int) -> Any:
        """An instance as `instance show` tells it, once it has ended."""
        return self.ended_at(key, "sqlite:///procession.db")

    def ended_at(self, key: int, url: str) -> Any:
        """The same, of another database."""
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            detail = self.ask("instance", "show", str(key), "--db", url)
            if detail["info"]["state"] != "ACTIVE":
                return detail
        raise AssertionError(f"instance {key} has not ended: {detail}")

    def begin(self, *arguments: str) -> Background:
        """Start a command, and wait until it says that it runs."""
        return self._begin(*COMMAND, *arguments)

    def begin_python(self, file: str) -> Background:
        """Start a program of this folder, and wait until it says something."""
        return self._begin(sys.executable, file)

    def _begin(self, *command: str) -> Background:
        self.running.append(Background(command, self.folder, self._env))
        return self.running[-1]


def furnished(folder: Path) -> Shell:
    shell = Shell(folder)
    shell.write("greeting.bpmn", GREETING)
    shell.write("payment.bpmn", PAYMENT)
    shell.write("work.py", WORKER)
    return shell


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    """A folder with two models (`greeting`, `payment`) and a worker, but no database yet."""
    shell = furnished(tmp_path)
    yield shell
    for background in shell.running:
        background.end()


@pytest.fixture(scope="session")
def deployed_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database to copy, because making one takes a second."""
    shell = furnished(tmp_path_factory.mktemp("deployed"))
    answer = shell.run("deploy", "greeting.bpmn", "payment.bpmn")
    assert answer.code == 0, answer.err
    return shell.folder / "procession.db"


@pytest.fixture
def deployed(shell: Shell, deployed_once: Path) -> Shell:
    """Both models are deployed to the default database, procession.db."""
    shutil.copy(deployed_once, shell.folder)
    return shell
