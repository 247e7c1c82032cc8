"""`--db grpc://...`: the command line on a remote server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from procession import BearerCredentials, ClientCredentials, InvalidInput
from procession.cli.credentials import from_environment
from tests.building import bpmn, end, job, start
from tests.gateway.clients import channels, unique
from tests.gateway.servers import COMMAND, SECONDS, Served
from tests.zeebe import Zeebe


def run(server: str, *arguments: str, code: int = 0) -> Any:
    """What a command prints as JSON; what it complains of if it is to end with another code."""
    done = subprocess.run(
        [*COMMAND, *arguments, "--db", f"grpc://{server}", "--format", "json"],
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout) if code == 0 else done.stderr


@pytest.fixture
def process(tmp_path: Path) -> Path:
    """A file with a process of one job, whose type and id is the file's name."""
    id = unique("cli")
    path = tmp_path / f"{id}.bpmn"
    path.write_bytes(bpmn(start() + job("t", type=id) + end(), "s>t t>e", id=id))
    return path


def test_an_instance_is_deployed_started_and_cancelled(server: str, process: Path) -> None:
    deployed = run(server, "deploy", str(process))
    started = run(server, "start", process.stem, "--variables", '{"n": 1}')
    cancelled = run(server, "instance", "cancel", str(started["key"]))
    again = run(server, "instance", "cancel", str(started["key"]), code=3)
    assert [d["process_id"] for d in deployed["definitions"]] == [process.stem]
    assert cancelled == {"key": started["key"], "cancelled": True}
    assert str(started["key"]) in again


def test_a_message_is_published(server: str) -> None:
    assert run(server, "publish", unique("message"), "--correlation-key", "k")["key"] > 0


@pytest.mark.parametrize("list_", [("instance", "list"), ("incident", "list"), ("status",)])
def test_lists_say_where_they_can_be_had(server: str, list_: tuple[str, ...]) -> None:
    assert "cannot be searched" in run(server, *list_, code=1)


def test_a_result_is_waited_for_on_our_server(own_server: Served, process: Path) -> None:
    run(own_server.address, "deploy", str(process))
    late = run(own_server.address, "start", process.stem, "--wait", "0.1", code=1)
    assert "has not ended" in late


def test_where_nobody_can_wait_nothing_is_started(zeebe: Zeebe, process: Path) -> None:
    run(zeebe.address, "deploy", str(process))
    said = run(zeebe.address, "start", process.stem, "--wait", "1", code=1)
    assert "nothing was started" in said
    for client in channels(zeebe.address):
        assert client.activate(process.stem, wait=500) == []


@pytest.mark.parametrize("options", [(), ("--grpc=0",)])
def test_a_node_does_not_run_on_a_server(options: tuple[str, ...]) -> None:
    assert "is a server" in run("zeebe:26500", "up", *options, code=2)


def test_a_server_that_is_away_is_told_from_a_refusal(tmp_path: Path) -> None:
    assert "could not be reached" in run("127.0.0.1:1", "publish", "m", code=4)


def test_workers_of_an_app_run_on_the_server(server: str, process: Path, tmp_path: Path) -> None:
    run(server, "deploy", str(process))
    module = (
        "from procession import Procession\n"
        "app = Procession('sqlite:///unused.db')\n"
        f"@app.task({process.stem!r})\n"
        "def work(n):\n"
        "    print('handled', n, flush=True)\n"
    )
    (tmp_path / "shop.py").write_text(module)
    worker = subprocess.Popen(
        [*COMMAND, "worker", "shop:app", "--db", f"grpc://{server}"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    try:
        run(server, "start", process.stem, "--variables", '{"n": 5}')
        assert worker.stdout is not None
        lines = iter(worker.stdout.readline, "")
        assert any("handled 5" in line for line in lines)
    finally:
        worker.terminate()
        worker.communicate(timeout=SECONDS)
    assert not (tmp_path / "unused.db").exists()


def test_credentials_come_from_the_environment() -> None:
    client = {
        "ZEEBE_AUTHORIZATION_SERVER_URL": "http://127.0.0.1/token",
        "ZEEBE_CLIENT_ID": "me",
        "ZEEBE_CLIENT_SECRET": "secret",
    }
    assert from_environment({}) is None
    assert isinstance(from_environment({"PROCESSION_TOKEN": "abc"}), BearerCredentials)
    assert isinstance(from_environment(client), ClientCredentials)
    with pytest.raises(InvalidInput, match="ZEEBE_CLIENT_SECRET"):
        from_environment({name: client[name] for name in list(client)[:2]})
