"""Workers end without losing what they hold, by a signal or told from another shell."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.cli.conftest import SECONDS, Shell
from tests.building import bpmn, end, job, start

SLOW = bpmn(start() + job("slow") + job("next") + end(), "s>slow slow>next next>e", id="held")
HOLDING = """
import asyncio, pathlib, time
from datetime import timedelta
from procession import Procession

app = Procession("sqlite:///procession.db", grace=timedelta(seconds=1))


@app.task("slow", concurrency=2)
{kind} slow(name: str) -> dict:
    pathlib.Path(name).touch()
    while not pathlib.Path("go").exists():
        {wait}(0.05)
    return {{"handled": True}}


@app.task("open-account.v1.next")
async def unused() -> None: ...
"""


KINDS = {"async": ("async def", "await asyncio.sleep"), "plain": ("def", "time.sleep")}


def _make_hold(shell: Shell, kind: str) -> None:
    define, wait = KINDS[kind]
    shell.write("slow.bpmn", SLOW)
    shell.write("holding.py", HOLDING.format(kind=define, wait=wait))
    shell.ask("deploy", "slow.bpmn")


@pytest.fixture
def holding(shell: Shell) -> Shell:
    """A process whose first job is held by a worker until a file `go` is there."""
    _make_hold(shell, "async")
    return shell


def _hold(shell: Shell, name: str = "held") -> int:
    """Start an instance, and wait until a worker is at its job."""
    started: int = shell.ask("start", "held", "--variables", json.dumps({"name": name}))["key"]
    _until(shell.folder / name)
    return started


def _until(file: Path) -> None:
    deadline = time.monotonic() + SECONDS
    while not file.exists():
        assert time.monotonic() < deadline, f"{file} did not come"
        time.sleep(0.05)


def _passed(shell: Shell, key: int) -> list[str]:
    """The elements whose job was completed."""
    path = shell.ask("instance", "show", str(key))["path"]
    return [step["element_id"] for step in path if step["ended_at"] is not None]


def _workers(shell: Shell, *options: str) -> list[Any]:
    listed: list[Any] = shell.ask("servers", "list", *options)
    return listed


def test_a_worker_is_listed_while_it_runs(holding: Shell) -> None:
    worker = holding.begin("worker", "holding:app")

    (listed,) = _workers(holding)
    assert (listed["kind"], listed["standing"], listed["app"]) == ("worker", "live", "holding:app")
    assert listed["serves"] == ["open-account.v1"]
    assert "holding:app" in holding.run("servers", "list").out

    assert worker.stop().code == 0
    assert _workers(holding) == []
    assert [one["standing"] for one in _workers(holding, "--all")] == ["ended"]


@pytest.mark.parametrize(
    ("kind", "by"),
    [("async", ("holding:app",)), ("plain", ("--serves", "open-account.v1"))],
    ids=["async", "plain"],
)
def test_a_drained_worker_finishes_what_it_holds_takes_nothing_new_and_ends(
    shell: Shell, kind: str, by: tuple[str, ...]
) -> None:
    _make_hold(shell, kind)
    holding = shell

    # Given a worker that holds a job, for longer than its grace
    worker = holding.begin("worker", "holding:app")
    key = _hold(holding)

    # When it is drained
    drain = holding.begin("worker", "--drain", *by, "--db", "sqlite:///procession.db")
    assert "holding:app" in drain.first_line
    worker.line_with("Draining")

    # Then it takes no new job
    second = holding.ask("start", "held", "--variables", '{"name": "second"}')["key"]
    assert [one["standing"] for one in _workers(holding)] == ["draining"]
    time.sleep(1.5)  # longer than the grace: that is for signals only
    assert not (holding.folder / "second").exists()

    # and finishes the one it holds
    (holding.folder / "go").touch()
    told, ended = drain.ended(), worker.ended()
    assert (told.code, "Drained: 1" in told.out) == (0, True)
    assert (ended.code, ended.out.endswith("Stopped.\n")) == (0, True)
    assert "slow" in _passed(holding, key)
    assert "slow" not in _passed(holding, second)


def test_a_job_that_takes_longer_than_the_timeout_names_its_worker(holding: Shell) -> None:
    worker = holding.begin("worker", "holding:app")
    key = _hold(holding)
    (listed,) = _workers(holding)

    answer = holding.run("worker", "--drain", "--id", listed["id"], "--timeout", "1s")

    assert answer.code == 1
    assert f"worker {listed['id']} (holding:app, process {listed['pid']}" in answer.err
    (holding.folder / "go").touch()
    assert worker.ended().code == 0
    assert "slow" in _passed(holding, key)


def test_a_worker_that_stands_still_while_it_drains_is_told_of(holding: Shell) -> None:
    worker = holding.begin("worker", "holding:app")
    _hold(holding)
    drain = holding.begin("worker", "--drain", "--all")
    worker.line_with("Draining")

    worker.end()  # killed

    told = drain.ended()
    assert (told.code, "Lost: worker" in told.out) == (0, True)


def test_sigterm_lets_a_worker_finish_within_its_grace(holding: Shell) -> None:
    worker = holding.begin("worker", "holding:app", "--grace", "5m")
    key = _hold(holding)

    worker.send(signal.SIGTERM)
    worker.line_with("Stopping")
    second = holding.ask("start", "held", "--variables", '{"name": "second"}')["key"]
    (holding.folder / "go").touch()

    assert worker.ended().code == 0
    assert "slow" in _passed(holding, key)
    assert "slow" not in _passed(holding, second)


def test_only_workers_of_some_age_are_drained(holding: Shell) -> None:
    worker = holding.begin("worker", "holding:app")

    answer = holding.run("worker", "--drain", "holding:app", "--older-than", "1h")

    assert (answer.code, "no such worker runs" in answer.err) == (3, True)
    assert worker.stop().code == 0


def test_what_cannot_be_drained_says_why(deployed: Shell) -> None:
    for arguments, code, text in (
        (("--drain", "--all"), 3, "no such worker runs"),
        (("--drain", "--id", "nobody"), 3, "no worker with the id nobody runs"),
        (("--drain",), 2, "or --all without them"),
        (("--drain", "--all", "work:app"), 2, "or --all without them"),
        (("--drain", "--serves", "OpenAccount"), 2, "open-account.v1"),
        (("--all",), 2, "name an app to run"),
        (("work:app", "--all"), 2, "go with --drain only"),
        (("--drain", "--all", "--db", "grpc://127.0.0.1:1"), 1, "SIGTERM"),
        (("--drain", "--all", "--db", "sqlite:///missing.db"), 4, "there is no database"),
    ):
        answer = deployed.run("worker", *arguments)
        assert (answer.code, text in answer.err) == (code, True), (arguments, answer)
