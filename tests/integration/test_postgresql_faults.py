"""What a server and its operator may do to a node: a clear error, not ready, nothing lost, and on we go."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta

import psycopg
import pytest

from procession import (
    DatabaseBusy,
    DatabaseFull,
    DatabaseReadOnly,
    Procession,
    StorageError,
)
from procession.storage import open_storage
from procession.storage.postgresql import address
from procession.storage.postgresql.faults import translated
from tests.postgres import Server, own_server

from .companions import ROOT
from .disks import small_disk
from .models import ALL

PATIENCE = timedelta(seconds=60)
DISK = 40_000_000
ROLE = "guest"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server that may be stopped, restarted and misconfigured; `guest` needs the password `s3cret`."""
    with own_server() as made:
        rules = made.data / "pg_hba.conf"
        rules.write_text(f"host all {ROLE} 127.0.0.1/32 scram-sha-256\n{rules.read_text()}")
        made.make_template()
        made.execute("SELECT pg_reload_conf()")
        made.execute(f"CREATE ROLE {ROLE} LOGIN PASSWORD 's3cret'")
        yield made


@pytest.fixture
def url(server: Server) -> Iterator[str]:
    name = server.create_database()
    server.execute(f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {ROLE}", name)
    yield server.url(name)
    server.drop_database(name)


def as_guest(url: str, password: str = "s3cret") -> str:
    return url.replace("procession@", f"{ROLE}:{password}@")


def name_of(url: str) -> str:
    return url.rpartition("/")[2]


@asynccontextmanager
async def running(url: str) -> AsyncIterator[Procession]:
    app = Procession(url)

    @app.task("work")
    async def work() -> None:
        return None

    async with app:
        await app.deploy_files(ALL)
        yield app


async def becomes(app: Procession, ready: bool) -> str:
    """Wait until the app is ready, or not; answers why."""
    async with asyncio.timeout(PATIENCE.total_seconds()):
        while app.readiness().ready is not ready:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    return app.readiness().reason or ""


async def works(app: Procession) -> None:
    await (await app.start("one_job")).result(timeout=PATIENCE)


# --- a full disk ------------------------------------------------------------------------------------


async def test_a_full_disk_loses_nothing_and_is_survived_without_a_restart(server: Server) -> None:
    disk = server.folder / "disk"
    with small_disk(disk, DISK) as make_room:
        if not disk.is_mount():
            pytest.skip("this machine lets nobody mount a small disk for the server")
        status = server.folder.stat()
        os.chown(disk, status.st_uid, status.st_gid)
        server.execute(f"CREATE TABLESPACE small LOCATION '{disk}'")
        server.execute("CREATE DATABASE crowded TEMPLATE template0 TABLESPACE small")
        acknowledged: list[int] = []
        async with running(server.url("crowded")) as app:
            # When the disk fills up while instances are started
            with pytest.raises(DatabaseFull, match=r"crowded: no space is left.*free some"):
                await _start_until_it_fails(app, acknowledged)
            # Then the node says that it is not ready, and why, for as long as that lasts
            assert "no space is left" in await becomes(app, False)
            await asyncio.sleep(2.5)
            assert not app.readiness().ready
            # And everything acknowledged is there, and nothing else
            assert sorted(info.key for info in await app.instances(limit=10_000)) == sorted(acknowledged)
            # And with room again it goes on
            make_room()
            await becomes(app, True)
            await works(app)
            for key in acknowledged[:10]:
                await app.cancel(key)
        server.drop_database("crowded")
        server.execute("DROP TABLESPACE small")


async def _start_until_it_fails(app: Procession, acknowledged: list[int]) -> None:
    noise = random.Random(0)
    for _ in range(5000):
        text = noise.randbytes(20_000).hex()  # what can be compressed fills no disk
        acknowledged.append((await app.start("waits", {"ref": "r", "text": text})).key)


# --- only for reading -------------------------------------------------------------------------------


async def test_an_operators_brake_on_writing_is_kept_to(server: Server, url: str) -> None:
    async with running(url) as app:
        await works(app)
        server.execute("ALTER SYSTEM SET default_transaction_read_only=on")
        try:
            server.execute("SELECT pg_reload_conf()")
            # When it may only be read, what is sent is refused, and the node not ready
            with pytest.raises(DatabaseReadOnly, match="may only be read"):
                await _until_refused(app)
            assert "may only be read" in await becomes(app, False)
        finally:
            server.execute("ALTER SYSTEM RESET default_transaction_read_only")
            server.execute("SELECT pg_reload_conf()")
        # Then it works again by itself
        await becomes(app, True)
        await works(app)


async def _until_refused(app: Procession) -> None:
    async with asyncio.timeout(PATIENCE.total_seconds()):
        while True:
            await app.start("no_wait")


async def test_a_server_that_becomes_a_standby_and_is_promoted(server: Server, url: str) -> None:
    async with running(url) as app:
        waiting = await app.start("waits", {"ref": "A"})
        # When the server comes back as a standby
        await asyncio.to_thread(server.stop)
        (server.data / "standby.signal").touch()
        try:
            await asyncio.to_thread(server.start)
            assert "connect to the primary" in await _reason_with(app, "may only be read")
            with pytest.raises(DatabaseReadOnly, match="primary"):
                await app.start("no_wait")
            with pytest.raises(DatabaseReadOnly, match="primary"):
                await asyncio.to_thread(open_storage, url)
        finally:
            server.execute("SELECT pg_promote()")
            (server.data / "standby.signal").unlink(missing_ok=True)
        # Then the node goes on once it has been promoted, where it was
        await becomes(app, True)
        await app.publish("paid", correlation_key="A")
        await waiting.result(timeout=PATIENCE)


async def _reason_with(app: Procession, text: str) -> str:
    async with asyncio.timeout(PATIENCE.total_seconds()):
        while text not in (reason := app.readiness().reason or ""):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    return reason


# --- connections ------------------------------------------------------------------------------------


async def test_a_node_that_gets_no_connection_says_so_and_goes_on_when_it_does(
    server: Server, url: str
) -> None:
    async with running(as_guest(url)) as app:
        # When its sessions are ended, and it may have no others
        server.execute(f"ALTER ROLE {ROLE} CONNECTION LIMIT 0")
        _end_sessions(server, url)
        reason = await _reason_with(app, "too many connections")
        assert "raise max_connections" in reason
        assert "s3cret" not in reason
        with pytest.raises(DatabaseBusy, match="too many connections"):
            await app.start("no_wait")
        # Then it goes on when it may
        server.execute(f"ALTER ROLE {ROLE} CONNECTION LIMIT -1")
        await becomes(app, True)
        await works(app)


def _end_sessions(server: Server, url: str) -> None:
    server.execute(
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname='{name_of(url)}' "
        "AND pid<>pg_backend_pid()"
    )


async def test_rights_that_are_taken_away_and_given_back(server: Server, url: str) -> None:
    async with running(as_guest(url)) as app:
        await works(app)
        server.execute(f"REVOKE ALL ON process_instance FROM {ROLE}", name_of(url))
        with pytest.raises(StorageError, match="permission is denied; grant"):
            await app.start("one_job")
        assert "permission is denied" in await becomes(app, False)
        server.execute(f"GRANT ALL ON process_instance TO {ROLE}", name_of(url))
        await becomes(app, True)
        await works(app)
        assert await app.incidents() == []


# --- servers that stop ------------------------------------------------------------------------------


@pytest.mark.parametrize("serve", [True, False])
async def test_an_idle_node_notices_that_the_server_is_gone_and_back(
    serve: bool, server: Server, url: str
) -> None:
    async with Procession(url, serve=serve) as app:
        await app.deploy_files(ALL)
        assert app.readiness().ready
        began = time.monotonic()
        await asyncio.to_thread(server.stop)
        try:
            reason = await _reason_with(app, "cannot be reached")
            assert time.monotonic() - began < 30
            assert name_of(url) in reason
            with pytest.raises(StorageError, match="cannot be reached; check that it runs"):
                await app.start("no_wait")
        finally:
            await asyncio.to_thread(server.start)
        await becomes(app, True)
        assert app.readiness().reason is None
        await app.start("no_wait")


async def test_a_server_that_does_not_answer_makes_a_node_not_ready(server: Server, url: str) -> None:
    async with running(url) as app:
        await works(app)
        [(pid,)] = server.execute(
            f"SELECT pid FROM pg_stat_activity WHERE datname='{name_of(url)}' "
            "AND application_name='procession' ORDER BY backend_start LIMIT 1"
        )
        os.kill(int(str(pid)), signal.SIGSTOP)
        try:
            assert "has not answered" in await becomes(app, False)
        finally:
            os.kill(int(str(pid)), signal.SIGCONT)
        await becomes(app, True)
        await works(app)


def test_a_node_that_was_held_up_in_a_transaction_lost_only_that(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(address._OPTIONS, "idle_in_transaction_session_timeout", "200ms")
    storage = open_storage(url)
    with storage.transaction() as transaction:
        assert transaction.next_timer_due() is None
        time.sleep(1.0)
        with (
            pytest.raises(StorageError, match=r"was undone; try again|was lost; nothing of this"),
            translated(url),
        ):
            transaction.next_timer_due()
    with storage.transaction() as transaction:
        assert transaction.next_timer_due() is None
    storage.close()


async def test_a_table_that_somebody_locks_for_long_is_waited_for(url: str) -> None:
    async with running(url) as app:
        with psycopg.connect(url) as other:
            other.execute("LOCK TABLE process_instance IN ACCESS EXCLUSIVE MODE")
            # When that lasts longer than a batch waits for a lock
            start = asyncio.create_task(app.start("one_job"))
            await asyncio.sleep(6.5)
            assert not start.done()
            other.rollback()
        # Then what was asked is done when it ends
        await (await start).result(timeout=PATIENCE)
        assert await app.incidents() == []


# --- the command line -------------------------------------------------------------------------------


def _wrong_password(server: Server, url: str) -> str:
    return as_guest(url, "wr0ng")


def _unknown_database(server: Server, url: str) -> str:
    return as_guest(url) + "_nowhere"


def _nobody_there(server: Server, url: str) -> str:
    return as_guest(url).replace(f":{server.port}/", ":1/")


def _no_connection_left(server: Server, url: str) -> str:
    server.execute(f"ALTER DATABASE {name_of(url)} CONNECTION LIMIT 0")
    return as_guest(url)


def _no_rights(server: Server, url: str) -> str:
    server.execute(f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {ROLE}", name_of(url))
    return as_guest(url)


def _newer_schema(server: Server, url: str) -> str:
    server.execute("UPDATE schema_info SET version=99, readable_since=98", name_of(url))
    return as_guest(url)


def _read_only(server: Server, url: str) -> str:
    server.execute(f"ALTER DATABASE {name_of(url)} SET default_transaction_read_only=on")
    return as_guest(url)


@pytest.mark.parametrize(
    ("break_it", "said"),
    [
        (_wrong_password, "user or password is wrong; check the URL"),
        (_unknown_database, "there is no such database or user; create it, or check the URL"),
        (_nobody_there, "cannot be reached; check that it runs, and host and port"),
        (_no_connection_left, "too many connections; raise max_connections"),
        (_no_rights, "permission is denied; grant the user"),
        (_newer_schema, "install the newer version"),
        (_read_only, "may only be read"),
    ],
)
def test_the_command_line_says_what_is_wrong_and_what_to_do(
    break_it: Callable[[Server, str], str], said: str, server: Server, url: str
) -> None:
    broken = break_it(server, url)
    for command in (["up"], ["db", "check"]):
        done = subprocess.run(
            [sys.executable, "-m", "procession.cli", *command, "--db", broken],
            capture_output=True,
            text=True,
            cwd=ROOT,
            timeout=PATIENCE.total_seconds(),
            check=False,
        )
        assert done.returncode == 4, done.stderr
        assert said in done.stderr
        assert name_of(url) in done.stderr
        assert "Traceback" not in done.stderr
        assert "s3cret" not in done.stderr + done.stdout
        assert "wr0ng" not in done.stderr + done.stdout
