"""Several nodes on one PostgreSQL database: they share work, wake each other, and outlive each other."""

from __future__ import annotations

import asyncio
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import create_async_engine

from procession import DatabaseBusy, Job, Procession, StorageError
from procession.broker import agenda as broker_agenda
from procession.client import joining
from procession.engine import Reads, Unit
from procession.engine.records import DEFAULT_TENANT
from procession.storage import open_storage
from procession.storage.searches import InstanceStatus
from tests.postgres import own_server

from .companions import ROOT, Companion
from .models import ALL, MESSAGE_LATER

PATIENCE = timedelta(seconds=60)
ROUNDS = 30


@pytest.fixture
def url(postgresql_url: str) -> str:
    return postgresql_url


def driver(url: str) -> str:
    """The URL as SQLAlchemy wants it."""
    return url.replace("postgresql:", "postgresql+psycopg:")


async def deploy(url: str) -> None:
    async with Procession(url, serve=False) as app:
        await app.deploy_files(ALL)


def with_worker(url: str, *, timeout: timedelta = timedelta(seconds=30)) -> Procession:
    app = Procession(url)

    @app.task("work", timeout=timeout, concurrency=50)
    async def work() -> dict[str, str]:
        return {"by": "here"}

    return app


def figures(seconds: list[float]) -> str:
    return f"median {statistics.median(seconds) * 1000:.1f} ms, worst {max(seconds) * 1000:.1f} ms"


async def all_completed(app: Procession, count: int) -> None:
    async with asyncio.timeout(PATIENCE.total_seconds()):
        while (await app.count_instances())[InstanceStatus.COMPLETED] < count:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_nodes_wake_each_other_without_any_polling(
    url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # Given a worker in another process; in both the check each second is off
    await deploy(url)
    monkeypatch.setattr(broker_agenda, "IDLE_SECONDS", 3600.0)
    seconds: list[float] = []
    with Companion("worker_without_checks", url) as other:
        other.expect("ready")
        async with Procession(url) as app:
            # When instances are started here, each waiting for its job to be done over there
            for _ in range(ROUNDS):
                began = time.perf_counter()
                await (await app.start("one_job")).result(timeout=PATIENCE)
                seconds.append(time.perf_counter() - began)
        other.finish()
    # Then hints alone bring each to its end
    assert statistics.median(seconds) < 1.0
    with capsys.disabled():
        print(f"\nPostgreSQL, wake-up there and back: {figures(seconds)}")


async def test_messages_timers_and_results_cross_nodes(url: str) -> None:
    async with with_worker(url) as one, Procession(url) as two:
        await two.deploy_files(ALL)
        # A job is done on the one, for an instance of the other
        started = await two.start("one_job")
        assert await started.result(timeout=PATIENCE) == {"by": "here"}
        # A message published on the one reaches an instance of the other
        waiting = await one.start("waits", {"ref": "A"})
        result = asyncio.create_task(waiting.result(timeout=PATIENCE))
        await two.publish("paid", correlation_key="A", variables={"amount": 3})
        assert await result == {"ref": "A", "amount": 3}
        # A timer is fired by whoever is there
        hour = await one.start("waits_an_hour")
        two._embedded.storage.move_clock(3_600_000)
        assert await hour.result(timeout=PATIENCE) == {}


async def test_several_nodes_share_the_load(url: str) -> None:
    await deploy(url)
    with Companion("short_leases", url) as two, Companion("short_leases", url) as three:
        two.expect("ready")
        three.expect("ready")
        async with with_worker(url) as app:
            await asyncio.gather(*(app.start("one_job") for _ in range(500)))
            await all_completed(app, 500)
        two.finish()
        three.finish()
    found = ask(url, "SELECT count(*), max(lease), count(DISTINCT worker) FROM job WHERE state=5")
    assert found[0][:2] == (500, 1)
    assert found[0][2] >= 2


def ask(url: str, statement: str) -> list[tuple[int, ...]]:
    engine = sa.create_engine(driver(url))
    with engine.connect() as connection:
        rows = [tuple(row) for row in connection.exec_driver_sql(statement)]
    engine.dispose()
    return rows


async def test_jobs_of_a_killed_node_are_taken_over(url: str) -> None:
    # Given a node that was killed with a job in its hands
    await deploy(url)
    async with Procession(url) as app:
        started = await app.start("one_job")
        with Companion("never_done", url) as other:
            other.expect("ready")
            other.expect("leased")
            other.kill()
    # When another node with such a worker runs
    async with with_worker(url) as app:
        await all_completed(app, 1)
    # Then it has taken the job over after the lease had ended
    assert ask(url, f"SELECT lease FROM job WHERE instance_key={started.key}") == [(2,)]


async def test_a_node_that_was_stopped_for_a_while_does_no_harm(url: str) -> None:
    # Given a node that is stopped in the middle of its work
    await deploy(url)
    with Companion("short_leases", url) as other:
        other.expect("ready")
        async with with_worker(url, timeout=timedelta(seconds=1)) as app:
            starts = [asyncio.create_task(app.start("one_job")) for _ in range(1000)]
            await asyncio.sleep(0.25)
            os.kill(other.pid, signal.SIGSTOP)
            await asyncio.gather(*starts)
            # When the others do its work and it wakes up again
            await asyncio.sleep(2.0)
            os.kill(other.pid, signal.SIGCONT)
            await all_completed(app, 1000)
            assert await app.incidents() == []
        other.finish()
    # Then every job was completed once
    assert ask(url, "SELECT count(*), count(DISTINCT instance_key) FROM job WHERE state=5") == [(1000, 1000)]
    assert ask(url, "SELECT count(*) FROM element_instance WHERE element_id='e'") == [(1000,)]
    assert ask(url, "SELECT count(*) FROM element_instance WHERE ended_at IS NULL") == [(0,)]


_SESSIONS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE datname=current_database() AND pid<>pg_backend_pid()"
)


async def test_lost_connections_are_made_anew(url: str) -> None:
    async with with_worker(url) as app:
        await app.deploy_files(ALL)
        done = 0
        for _ in range(3):
            starts = [asyncio.create_task(_insist(app)) for _ in range(100)]
            await asyncio.sleep(0.02)
            ask(url, _SESSIONS)
            done += sum(await asyncio.gather(*starts))
        await all_completed(app, done)
    assert ask(url, "SELECT count(*) FROM process_instance") == [(done,)]


async def _insist(app: Procession) -> int:
    """Start an instance; nothing that failed may have happened."""
    async with asyncio.timeout(PATIENCE.total_seconds()):
        while True:
            try:
                await app.start("one_job")
            except StorageError:
                await asyncio.sleep(0.05)
            else:
                return 1


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT, signal.SIGKILL])
async def test_a_restart_of_the_server_is_outlived(how: signal.Signals) -> None:
    with own_server() as server:
        async with with_worker(server.url("postgres")) as app:
            await app.deploy_files(ALL)
            starts = [asyncio.create_task(_insist(app)) for _ in range(300)]
            await asyncio.sleep(0.03)
            await asyncio.to_thread(server.stop, how)
            await asyncio.sleep(0.5)
            await asyncio.to_thread(server.start)
            done = sum(await asyncio.gather(*starts))
            await all_completed(app, done)
            assert ask(server.url("postgres"), "SELECT count(*) FROM process_instance") == [(done,)]


@contextmanager
def a_held_key(url: str, correlation_key: str) -> Iterator[None]:
    """A transaction elsewhere that holds a correlation key and does not go on."""
    holder = open_storage(url)
    with holder.transaction() as transaction:
        reads = Reads(Unit(), lambda key: None)
        reads.find(reads.unit.messages, "message", (DEFAULT_TENANT, "paid", correlation_key))
        transaction.load(reads)
        yield
    holder.close()


async def is_known_to_be_held(app: Procession) -> None:
    """A command has been put apart (it may just be tried)."""
    async with asyncio.timeout(PATIENCE.total_seconds()):
        while not app._embedded.node._held:  # noqa: ASYNC110
            await asyncio.sleep(0.001)


def move_clock(url: str) -> None:
    """An hour ahead."""
    storage = open_storage(url)
    storage.move_clock(3_600_000)
    storage.close()


async def test_a_key_that_somebody_holds_for_long_stops_only_who_needs_it(url: str) -> None:
    await deploy(url)
    async with Procession(url) as app:
        # Given a transaction that holds the correlation key A and does not go on
        with a_held_key(url, "A"):
            # When messages are published to A and to others
            held = [asyncio.create_task(app.publish("paid", correlation_key="A", ttl=PATIENCE))]
            others = [app.publish("paid", correlation_key=f"B{n}", ttl=PATIENCE) for n in range(20)]
            async with asyncio.timeout(9):
                await asyncio.gather(*others)
            # Then the others are published; and as A is known to be held, nobody waits for it any more
            assert not held[0].done()
            await is_known_to_be_held(app)
            for number in range(3):
                held.append(asyncio.create_task(app.publish("paid", correlation_key="A", ttl=PATIENCE)))
                async with asyncio.timeout(4):
                    await app.publish("paid", correlation_key=f"C{number}", ttl=PATIENCE)
            assert not any(task.done() for task in held)
        # And A is published to when it is free
        await asyncio.wait_for(asyncio.gather(*held), 5)
        assert not app._embedded.node._held
    assert ask(url, "SELECT count(*) FROM message") == [(27,)]


async def test_a_durable_command_and_a_timer_wait_for_a_held_key_apart_from_the_others(url: str) -> None:
    async with Procession(url) as app:
        await app.deploy_files({**ALL, "later.bpmn": MESSAGE_LATER})
        engine = sa.create_engine(driver(url))
        timed = await app.start("message_later", {"ref": "A"})
        with a_held_key(url, "A"):
            # Given a message to the held key that was written on a caller's connection, and a timer behind
            # which somebody waits for that key
            with engine.begin() as connection:
                await app.publish("paid", correlation_key="A", ttl=PATIENCE, connection=connection)
            move_clock(url)
            async with asyncio.timeout(PATIENCE.total_seconds()):
                while not (app._embedded.node._held.rows and app._embedded.node._held.timers):  # noqa: ASYNC110
                    await asyncio.sleep(0.001)
            # Then others of their kind are carried out
            with engine.begin() as connection:
                other = await app.start("no_wait", connection=connection)
            hour = await app.start("waits_an_hour")
            move_clock(url)
            async with asyncio.timeout(4):
                assert await other.result() == {}
                assert await hour.result() == {}
        # And these when the key is free
        assert await timed.result(timeout=PATIENCE) == {"ref": "A"}
        engine.dispose()


async def test_who_leaves_while_a_key_is_held_is_told(url: str) -> None:
    await deploy(url)
    app = Procession(url)
    async with app:
        with a_held_key(url, "A"):
            held = asyncio.create_task(app.publish("paid", correlation_key="A"))
            await is_known_to_be_held(app)
            await app.__aexit__(None, None, None)
            with pytest.raises(DatabaseBusy):
                await held


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def test_idle_nodes_cost_nothing_and_commit_nothing(url: str) -> None:
    with Companion("idle", url) as one, Companion("worker", url) as two:
        one.expect("ready")
        two.expect("ready")
        time.sleep(2.5)
        before = _cpu_seconds(one.pid), ask(url, "SELECT pg_snapshot_xmax(pg_current_snapshot())::text")
        time.sleep(3.0)
        after = _cpu_seconds(one.pid), ask(url, "SELECT pg_snapshot_xmax(pg_current_snapshot())::text")
        one.finish()
        two.finish()
    assert after[0] - before[0] <= 0.05
    assert after[1] == before[1]


@pytest.mark.parametrize("role", ["fork", "fork_sync"])
def test_an_app_is_refused_in_a_fork_and_goes_on_in_its_parent(role: str, url: str) -> None:
    with Companion(role, url) as other:
        lines = other.finish().splitlines()
    assert lines[3:] == ["parent: goes on"]


async def test_starts_on_the_callers_connection(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a node elsewhere that only hints can wake
    await deploy(url)
    monkeypatch.setattr(broker_agenda, "IDLE_SECONDS", 3600.0)
    monkeypatch.setattr(joining, "LOOK_AFTER_SECONDS", (*joining.LOOK_AFTER_SECONDS, 2.0, 20.0))
    with Companion("worker_without_checks", url) as other:
        other.expect("ready")
        async with Procession(url, serve=False) as app:
            # When instances are started with the caller's data, from plain and from async code
            engine = sa.create_engine(driver(url))
            with engine.begin() as connection:
                first = await app.start("one_job", connection=connection)
            with engine.connect() as connection:
                undone = await app.start("one_job", connection=connection)
                connection.rollback()
            engine.dispose()
            async_engine = create_async_engine(driver(url))
            async with async_engine.begin() as async_connection:
                second = await app.start("one_job", connection=async_connection)
            await async_engine.dispose()
            # Then the other process runs those that were committed
            await first.result(timeout=PATIENCE)
            await second.result(timeout=PATIENCE)
            assert ask(url, f"SELECT count(*) FROM process_instance WHERE key={undone.key}") == [(0,)]
        other.finish()


async def test_a_completion_on_the_callers_connection(url: str) -> None:
    app = Procession(url)
    engine = sa.create_engine(driver(url))

    @app.task("work")
    async def work(job: Job) -> None:
        with engine.begin() as connection:
            await job.complete({"joined": True}, connection=connection)

    async with app:
        await app.deploy_files(ALL)
        assert await (await app.start("one_job")).result(timeout=PATIENCE) == {"joined": True}
    engine.dispose()


@pytest.fixture
def up(url: str) -> Iterator[subprocess.Popen[str]]:
    """`procession up` on the database."""
    command = [sys.executable, "-m", "procession.cli", "up", "--db", url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, text=True) as process:
        yield process
        process.kill()


async def test_the_command_line_works_on_it(url: str, up: subprocess.Popen[str]) -> None:
    assert up.stdout is not None
    assert "runs, process" in up.stdout.readline()
    assert up.stdout.readline() == f"Database: {url}\n"
    async with Procession(url, serve=False) as app:
        await app.deploy_files(ALL)
        await app.start("waits_an_hour")
        app._embedded.storage.move_clock(3_600_000)
        await all_completed(app, 1)
    command = [sys.executable, "-m", "procession.cli", "status", "--db", url.replace("@", ":s3cret@")]
    done = await asyncio.to_thread(
        subprocess.run, command, capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert "instances completed" in done.stdout
    assert "s3cret" not in done.stdout
    up.send_signal(signal.SIGTERM)
    assert up.wait(20) == 0
