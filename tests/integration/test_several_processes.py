"""Several processes on one SQLite file: every process with a running app is a node."""

from __future__ import annotations

import asyncio
import sqlite3
import statistics
import time
from contextlib import ExitStack, closing
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from procession import Procession
from procession.broker import agenda as broker_agenda
from procession.broker.wakeup import Hint, Peers
from procession.engine import commands as c
from procession.storage.sqlite.wire import folder_for

from .companions import Companion
from .models import ALL

PATIENCE = timedelta(seconds=30)
ROUNDS = 50


async def deploy(url: str) -> None:
    async with Procession(url, serve=False) as app:
        await app.deploy_files(ALL)


def count(database: Path, statement: str) -> int:
    with closing(sqlite3.connect(database)) as connection:
        number: int = connection.execute(statement).fetchone()[0]
    return number


def figures(seconds: list[float]) -> str:
    middle, worst = statistics.median(seconds) * 1000, max(seconds) * 1000
    return f"median {middle:.1f} ms, worst {worst:.1f} ms of {len(seconds)}"


@pytest.mark.parametrize("serve", [True, False])
async def test_processes_wake_each_other_without_any_polling(
    serve: bool, url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # Given a worker in another process; in both the check each second is off, so only datagrams wake
    await deploy(url)
    monkeypatch.setattr(broker_agenda, "IDLE_SECONDS", 3600.0)
    seconds: list[float] = []
    with Companion("worker_without_checks", url) as other:
        other.expect("ready")
        async with Procession(url, serve=serve) as app:
            # When instances are started one by one, each waiting for its job to be done over there
            for _ in range(ROUNDS):
                began = time.perf_counter()
                instance = await app.start("one_job")
                await instance.result(timeout=PATIENCE)
                seconds.append(time.perf_counter() - began)
        other.finish()
    # Then all of them end: each took two wake-ups, there and back
    assert len(seconds) == ROUNDS
    with capsys.disabled():
        print(f"\nwake-up there and back (serve={serve}): {figures(seconds)}")


async def test_a_command_whose_writer_died_is_found_by_a_node_that_is_never_idle(url: str) -> None:
    # Given a node that other nodes keep awake with hints that concern it not
    await deploy(url)
    async with Procession(url) as app:
        noise = asyncio.create_task(_make_noise(app))
        await asyncio.sleep(1.5)
        # When a command is committed by somebody who dies before telling anybody
        command = c.StartInstance("no_wait", -1, None, {}, None, "left", None)
        _leave_command(app, command)
        # Then the node carries it out all the same
        deadline = time.monotonic() + PATIENCE.total_seconds()
        while not await app.instances(process_id="no_wait"):
            assert time.monotonic() < deadline, "the command is still waiting"
            await asyncio.sleep(0.1)
        noise.cancel()


async def _make_noise(app: Procession) -> None:
    peers = Peers(app._embedded.storage, listen=False)
    try:
        while True:
            peers.tell(Hint(jobs=("of no interest",)))
            await asyncio.sleep(0.1)
    finally:
        peers.close()


def _leave_command(app: Procession, command: c.Command) -> None:
    row = (app._embedded.node.set_key_aside(), None, "<default>", c.encode(command), 0)
    with closing(sqlite3.connect(app.url.removeprefix("sqlite:///"), timeout=30)) as connection:
        connection.execute(
            "INSERT INTO command (key, root_key, tenant, payload, created_at) VALUES (?,?,?,?,?)", row
        )
        connection.commit()


def test_an_idle_node_costs_nothing(url: str) -> None:
    # Given a node with a worker, a timer far away and instances that wait
    with Companion("idle", url) as other:
        other.expect("ready")
        time.sleep(1.0)
        # When nothing happens for three seconds
        before = _cpu_seconds(other.pid), _wake_ups(other.pid)
        time.sleep(3.0)
        after = _cpu_seconds(other.pid), _wake_ups(other.pid)
        other.finish()
    # Then it has looked about once a second, and used next to no time
    assert after[0] - before[0] <= 0.03
    assert after[1] - before[1] <= 15


def test_idle_nodes_leave_each_other_alone(url: str, database: Path) -> None:
    # Given two nodes with nothing to do
    with Companion("idle", url) as one, Companion("worker", url) as two:
        one.expect("ready")
        two.expect("ready")
        time.sleep(2.5)
        with closing(sqlite3.connect(database)) as connection:
            # When three seconds pass
            before = connection.execute("PRAGMA data_version").fetchone()
            time.sleep(3.0)
            after = connection.execute("PRAGMA data_version").fetchone()
        one.finish()
        two.finish()
    # Then nobody has committed anything
    assert after == before


def _cpu_seconds(pid: int) -> float:
    """User and system time of a process, from /proc (clock ticks of 10 ms)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def _wake_ups(pid: int) -> int:
    """How often any of its threads went to sleep."""
    lines = [
        line
        for task in Path(f"/proc/{pid}/task").iterdir()
        for line in (task / "status").read_text().splitlines()
    ]
    return sum(int(line.split()[1]) for line in lines if line.startswith("voluntary_ctxt_switches"))


async def test_a_second_process_gets_its_turn_while_the_first_is_saturated(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    # Given a process that commits as fast as it can
    await deploy(url)
    waited: list[float] = []
    with Companion("saturate", url) as other:
        other.expect("ready")
        async with Procession(url, serve=False) as app:
            # When another wants in, one command at a time
            for _ in range(ROUNDS):
                began = time.perf_counter()
                await asyncio.wait_for(app.start("waits", {"ref": "x"}), PATIENCE.total_seconds())
                waited.append(time.perf_counter() - began)
                await asyncio.sleep(0.01)
        other.finish()
    # Then it progresses
    assert len(waited) == ROUNDS
    with capsys.disabled():
        print(f"\nbeside a saturated process: {figures(waited)}")


@pytest.mark.parametrize("role", ["fork", "fork_sync"])
def test_an_app_is_refused_in_a_fork_of_its_process(role: str, url: str) -> None:
    # When a fork uses the app that was opened before
    with Companion(role, url) as other:
        lines = other.finish().splitlines()
    # Then it is told why not and what to do, and the parent goes on
    refusal = "child: this app was opened before the process forked; open another one"
    assert [line.startswith(refusal) for line in lines] == [True, True, True, False]
    assert lines[3] == "parent: goes on"


async def test_a_fork_does_not_keep_the_locks_of_a_killed_parent(url: str) -> None:
    # Given a process that was killed in the middle of a transaction, and a fork of it that lives on
    await deploy(url)
    with Companion("hold_and_fork", url) as other:
        other.expect("ready")
        other.kill()
        # Then others get their turn at once
        began = time.monotonic()
        await deploy(url)
        assert time.monotonic() - began < 10


async def test_the_socket_of_a_killed_node_is_removed(url: str, database: Path) -> None:
    # Given a node that was killed and left its socket behind
    await deploy(url)
    with Companion("worker", url) as other:
        other.expect("ready")
        other.kill()
    (left,) = folder_for(database).iterdir()
    # When another node has something to tell
    async with Procession(url) as app:
        await (await app.start("no_wait")).result(timeout=PATIENCE)
        # Then the dead socket is gone
        assert not left.exists()
    # And a node that ends in order removes its own
    assert list(folder_for(database).iterdir()) == []


def test_processes_may_create_the_same_database_at_once(url: str, database: Path) -> None:
    # Given several processes about to open a database that does not exist
    with ExitStack() as stack:
        others = [stack.enter_context(Companion("create", url, str(number))) for number in range(4)]
        for other in others:
            other.expect("ready")
        # When all do at the same time
        for other in others:
            other.tell()
        for other in others:
            other.expect("done")
            other.finish()
    # Then all could use it, and the same files were deployed once
    assert count(database, "SELECT count(*) FROM process_instance WHERE state=3") == 4 * 5
    assert count(database, "SELECT count(*) FROM definition") == len(ALL)
    assert count(database, "SELECT count(DISTINCT key) FROM element_instance") == 4 * 5 * 2


async def test_a_start_on_the_callers_connection_wakes_a_node_in_another_process(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a node in another process, and an app here that only executes its own commands
    await deploy(url)
    monkeypatch.setattr(broker_agenda, "IDLE_SECONDS", 3600.0)
    with Companion("worker_without_checks", url) as other:
        other.expect("ready")
        async with Procession(url, serve=False) as app:
            engine = sa.create_engine(url)
            # When an instance is started with the caller's data
            with engine.begin() as connection:
                instance = await app.start("one_job", connection=connection)
            engine.dispose()
            # Then the other process runs it
            await instance.result(timeout=PATIENCE)
        other.finish()
