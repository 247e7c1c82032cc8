"""Upgrades of the tables while nodes run, on both databases; the next version is made up by the tests."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from procession import Procession, SchemaMismatch, StorageError
from procession.storage import migrate, open_storage, schema, versions
from procession.storage.examine import examine
from procession.storage.searches import InstanceStatus
from tests.migrations import CURRENT, NEXT, engine, next_version, upgrade
from tests.postgres import Server

from .companions import ROOT, Companion
from .models import ALL

PATIENCE = timedelta(seconds=60)


@pytest.fixture(params=["postgresql", "sqlite"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'test.db'}"
    found: str = request.getfixturevalue("empty_postgresql_url")
    return found


def ask(url: str, statement: str) -> list[tuple[object, ...]]:
    made = engine(url)
    with made.connect() as connection:
        rows = [tuple(row) for row in connection.exec_driver_sql(statement)]
    made.dispose()
    return rows


def with_worker(url: str) -> Procession:
    app = Procession(url)

    @app.task("work")
    async def work() -> None:
        return None

    return app


async def completed(app: Procession, count: int) -> None:
    async with asyncio.timeout(PATIENCE.total_seconds()):
        while (await app.count_instances())[InstanceStatus.COMPLETED] < count:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_old_nodes_go_on_during_and_after_an_upgrade_they_can_live_with(
    url: str, tmp_path: Path
) -> None:
    folder = next_version(tmp_path / "migrations", readable_since=CURRENT)
    async with with_worker(url) as app:
        # Given a node of this version at work
        await app.deploy_files(ALL)
        stop = asyncio.Event()

        async def work() -> int:
            count = 0
            while not stop.is_set():
                await app.start("one_job")
                count += 1
            return count

        workers = [asyncio.create_task(work()) for _ in range(5)]
        await asyncio.sleep(0.3)
        # When the tables are upgraded
        await asyncio.to_thread(upgrade, url, folder)
        await asyncio.sleep(0.3)
        # Then nobody noticed
        stop.set()
        started = sum(await asyncio.gather(*workers))
        await completed(app, started)
        assert await app.incidents() == []
        assert app.readiness().ready
    assert ask(url, "SELECT version, readable_since FROM schema_info") == [(NEXT, CURRENT)]
    assert ask(url, "SELECT count(*), min(added), max(added) FROM job") == [(started, 7, 7)]
    # And another one of this version may start
    async with with_worker(url) as app:
        await (await app.start("one_job")).result(timeout=PATIENCE)


async def test_an_old_node_stops_at_an_upgrade_it_cannot_live_with_and_loses_nothing(
    url: str, tmp_path: Path
) -> None:
    folder = next_version(tmp_path / "migrations", readable_since=NEXT)
    acknowledged: list[int] = []
    async with with_worker(url) as app:
        await app.deploy_files(ALL)

        async def work() -> None:
            while True:
                acknowledged.append((await app.start("one_job")).key)

        workers = [asyncio.create_task(work()) for _ in range(5)]
        await asyncio.sleep(0.3)
        # When the tables become what the node does not know
        await asyncio.to_thread(upgrade, url, folder)
        async with asyncio.timeout(PATIENCE.total_seconds()):
            outcomes = await asyncio.gather(*workers, return_exceptions=True)
            # Then everybody is told so
            for outcome in outcomes:
                assert isinstance(outcome, SchemaMismatch)
                assert f"has schema {NEXT}, which needs a Procession that knows schema {NEXT}" in str(outcome)
                assert "install the newer version" in str(outcome)
            while app.readiness().ready:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        assert "needs a Procession" in str(app.readiness().reason)
        before = ask(url, "SELECT count(*), max(key) FROM element_instance")
        await asyncio.sleep(1.5)
        # And it does not touch the database any more, not even with somebody's own transaction, or to leave
        made = engine(url)
        with made.connect() as connection, pytest.raises(SchemaMismatch, match="install the newer version"):
            await app.publish("paid", connection=connection)
        made.dispose()
        assert ask(url, "SELECT count(*), max(key) FROM element_instance") == before
    # And all that was acknowledged is there, and nothing else
    assert sorted(key for (key,) in ask(url, "SELECT key FROM process_instance")) == sorted(acknowledged)
    assert ask(url, "SELECT count(*) FROM incident") == [(0,)]
    with pytest.raises(SchemaMismatch, match="install the newer version"):
        open_storage(url)


async def test_an_idle_node_notices_an_upgrade_it_cannot_live_with(url: str, tmp_path: Path) -> None:
    folder = next_version(tmp_path / "migrations", readable_since=NEXT)
    async with Procession(url, serve=False) as app:
        await asyncio.to_thread(upgrade, url, folder)
        async with asyncio.timeout(PATIENCE.total_seconds()):
            while app.readiness().ready:  # noqa: ASYNC110
                await asyncio.sleep(0.05)


@contextmanager
def upgrading(url: str, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A process in the middle of an upgrade; it goes on when it is told to, and is killed at the end."""
    command = [sys.executable, "-m", "tests.migrations", url, str(folder)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "halfway\n"
        try:
            yield process
        finally:
            process.kill()


async def test_a_kill_in_the_middle_of_an_upgrade_leaves_the_old_tables(url: str, tmp_path: Path) -> None:
    folder = next_version(tmp_path / "migrations", readable_since=CURRENT, waits=True)
    async with with_worker(url) as app:
        await app.deploy_files(ALL)
        await (await app.start("one_job")).result(timeout=PATIENCE)
        # When the upgrade is killed after its first change
        with upgrading(url, folder) as process:
            process.kill()
            process.wait()
        # Then nothing of it is there, and the node goes on
        await (await app.start("one_job")).result(timeout=PATIENCE)
        assert ask(url, "SELECT version FROM schema_info") == [(CURRENT,)]
        assert "added" not in _columns(url, "job")
        # And the next try succeeds
        with upgrading(url, folder) as process:
            process.communicate("\n", timeout=PATIENCE.total_seconds())
            assert process.returncode == 0
        await (await app.start("one_job")).result(timeout=PATIENCE)
    assert {"added"} <= _columns(url, "job") & _columns(url, "timer")


def _columns(url: str, table: str) -> set[str]:
    made = engine(url)
    found = {column["name"] for column in sa.inspect(made).get_columns(table)}
    made.dispose()
    return found


def test_nodes_that_start_at_once_on_an_empty_database_make_it_once(url: str) -> None:
    with Companion("create", url, "1") as one, Companion("create", url, "2") as two:
        one.expect("ready")
        two.expect("ready")
        one.tell()
        two.tell()
        assert "done" in one.finish()
        assert "done" in two.finish()
    assert ask(url, "SELECT version FROM schema_info") == [(CURRENT,)]
    assert ask(url, "SELECT count(*) FROM process_instance") == [(10,)]


# --- where nodes may not upgrade --------------------------------------------------------------------


def test_a_node_that_may_not_upgrade_says_what_to_do(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # An empty database, and one that is too old
    with pytest.raises(SchemaMismatch, match=r"has no tables of Procession.*run `procession db upgrade`"):
        open_storage(url, upgrade=False)
    open_storage(url).close()
    open_storage(url, upgrade=False).close()
    monkeypatch.setattr(schema, "VERSION", NEXT)
    with pytest.raises(
        SchemaMismatch, match=rf"has schema {CURRENT}.*needs schema {NEXT}: run `procession db upgrade`"
    ):
        open_storage(url, upgrade=False)


def test_a_server_that_is_too_old_is_refused(postgresql_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "OLDEST_SERVER", 99)
    with pytest.raises(StorageError, match="use 99 or newer"):
        open_storage(postgresql_url)
    assert examine(postgresql_url).problems == ["the server is too old; use PostgreSQL 99 or newer"]


async def test_a_user_without_the_right_to_change_tables_can_work(
    empty_postgresql_url: str, postgres: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given tables that their owner made, and a user that may only read and write rows
    url = empty_postgresql_url
    open_storage(url).close()
    database = url.rpartition("/")[2]
    role = f"app_{database}"
    postgres.execute(f"CREATE ROLE {role} LOGIN")
    grants = (
        f"REVOKE CREATE ON SCHEMA public FROM PUBLIC; GRANT USAGE ON SCHEMA public TO {role}; "
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}"
    )
    postgres.execute(grants, database)
    # Then a node works with it
    async with with_worker(url.replace("procession@", f"{role}@")) as app:
        await app.deploy_files(ALL)
        await (await app.start("one_job")).result(timeout=PATIENCE)
    # And where an upgrade is needed, it is told who can do that
    monkeypatch.setattr(schema, "VERSION", NEXT)
    monkeypatch.setattr(migrate, "FOLDER", next_version(tmp_path / "m", readable_since=CURRENT))
    with pytest.raises(StorageError, match=r"(?s)permission is denied.*`procession db upgrade`"):
        open_storage(url.replace("procession@", f"{role}@"))
    assert ask(url, "SELECT version FROM schema_info") == [(CURRENT,)]


BACK_TO_THE_FIRST = (
    "DROP TABLE registration",
    "DROP TABLE command_lock",
    "DROP TABLE command_switch",
    "DROP TABLE command_action",
    "DROP TABLE delivery",
    "DROP TABLE signal_start",
    "DROP TABLE signal_subscription",
    "ALTER TABLE definition DROP COLUMN deleted_at",
    "DROP INDEX ix_process_instance_tenant_process_id_version",
    "CREATE INDEX ix_process_instance_running ON process_instance (tenant, process_id) "
    "WHERE ended_at IS NULL",
    "UPDATE schema_info SET version = 1, readable_since = 1",
    "UPDATE alembic_version SET version_num = '0001'",
)


async def test_what_the_first_version_left_goes_on(url: str) -> None:
    # Given an instance that waits for a message, in the tables of the first version
    async with Procession(url) as app:
        await app.deploy_files(ALL)
        await app.start("waits", {"ref": "k"})
    made = engine(url)
    with made.begin() as connection:
        for statement in BACK_TO_THE_FIRST:
            connection.exec_driver_sql(statement)
    made.dispose()
    # When this version opens it
    async with Procession(url) as app:
        # Then it goes on
        await app.publish("paid", correlation_key="k")
        await completed(app, 1)
    expected = (CURRENT, schema.READABLE_SINCE)
    assert ask(url, "SELECT version, readable_since FROM schema_info") == [expected]


# --- SQL for others to run --------------------------------------------------------------------------


async def test_the_written_sql_makes_the_same_tables(url: str) -> None:
    text = migrate.upgrade_sql(url.partition(":")[0], 0)
    _run_script(url, text)
    made = engine(url)
    try:
        assert set(sa.inspect(made).get_table_names()) == {*schema.metadata.tables, "alembic_version"}
    finally:
        made.dispose()
    async with Procession(url, upgrade=False) as app:
        await app.deploy_files(ALL)
        await (await app.start("no_wait")).result(timeout=PATIENCE)


def _run_script(url: str, text: str) -> None:
    made = engine(url)
    connection = made.raw_connection()
    driver = connection.driver_connection
    assert driver is not None
    try:
        if url.startswith("sqlite"):
            driver.executescript(text)
        else:
            driver.autocommit = True
            driver.execute(text)
    finally:
        connection.close()
        made.dispose()


def test_a_script_for_another_version_changes_nothing(
    empty_postgresql_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = empty_postgresql_url
    monkeypatch.setattr(schema, "VERSION", NEXT)
    text = migrate.upgrade_sql("postgresql", CURRENT, next_version(tmp_path / "m", readable_since=CURRENT))
    monkeypatch.undo()
    open_storage(url).close()
    _run_script(url, text)
    assert ask(url, "SELECT version FROM schema_info") == [(NEXT,)]
    with pytest.raises(psycopg.errors.RaiseException, match=f"upgrades schema {CURRENT} only"):
        _run_script(url, text)
