"""What the disk and other programs may do to the database: a clear error, nothing lost, and on we go."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from procession import (
    DatabaseBusy,
    DatabaseCorrupt,
    DatabaseFull,
    DatabaseReadOnly,
    Procession,
    SchemaMismatch,
    StorageError,
)
from procession.broker import Inbox, Node
from procession.engine import commands as c
from procession.storage.sqlite import SQLiteStorage

from .disks import ordinary_user, small_disk
from .models import ALL

PATIENCE = timedelta(seconds=30)
BUSY_SECONDS = 0.3


async def fill(url: str) -> None:
    """Make a database and leave something in it."""
    async with Procession(url) as app:
        await app.deploy_files(ALL)
        for number in range(50):
            await app.start("waits", {"ref": f"r{number}", "text": "x" * 1000})


def open_and_close(database: Path, *, busy_seconds: float = BUSY_SECONDS) -> None:
    storage = SQLiteStorage(database, busy_seconds=busy_seconds)
    try:
        storage.open()
        with storage.transaction() as transaction:
            transaction.next_timer_due()
    finally:
        storage.close()


# --- a full disk ------------------------------------------------------------------------------------


async def test_a_full_disk_loses_nothing_and_is_survived_without_a_restart(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as make_room:
        url = f"sqlite:///{tmp_path / 'disk' / 'full.db'}"
        acknowledged: list[int] = []
        async with Procession(url) as app:
            await app.deploy_files(ALL)
            # When the disk fills up while instances are started
            with pytest.raises(StorageError) as caught:
                await _start_until_it_fails(app, acknowledged)
            # Then the error names the database and says what to do
            assert "full.db" in str(caught.value)
            assert isinstance(caught.value, DatabaseFull) or "check its disk" in str(caught.value)
            # And everything acknowledged is there, and nothing else
            found = await app.instances(limit=1000)
            assert sorted(info.key for info in found) == acknowledged
            # And with room again the same app goes on
            make_room()
            instance = await app.start("no_wait")
            await instance.result(timeout=PATIENCE)
            for key in acknowledged:
                await app.cancel(key)


async def _start_until_it_fails(app: Procession, acknowledged: list[int]) -> None:
    for _ in range(1000):
        instance = await app.start("waits", {"ref": "r", "text": "x" * 50_000})
        acknowledged.append(instance.key)


# --- files that may not be written, or cannot be made -----------------------------------------------


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user of the machine can reach."""
    folder = Path(tempfile.mkdtemp(prefix="procession-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def test_a_read_only_database_says_so(open_folder: Path) -> None:
    # Given a database in a folder where this user may write nothing
    database = open_folder / "kept.db"
    asyncio.run(fill(f"sqlite:///{database}"))
    for path in (*open_folder.iterdir(), open_folder):
        path.chmod(0o555 if path.is_dir() else 0o444)
    # When it is opened
    with ordinary_user(), pytest.raises(DatabaseReadOnly, match=r"kept\.db.*permissions of file and folder"):
        open_and_close(database)
    # Then it is as it was
    open_folder.chmod(0o755)
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        assert connection.execute("SELECT count(*) FROM process_instance").fetchone() == (50,)


def test_a_read_only_file_in_a_writable_folder_says_so(open_folder: Path) -> None:
    # Given a database file that this user may not write, in a folder where it may
    database = open_folder / "kept.db"
    asyncio.run(fill(f"sqlite:///{database}"))
    open_folder.chmod(0o777)
    database.chmod(0o444)
    for path in open_folder.glob("kept.db-*"):
        path.chmod(0o777)
    # When it is opened
    with ordinary_user(), pytest.raises(DatabaseReadOnly, match=r"kept\.db.*permissions of file and folder"):
        open_and_close(database)


def test_a_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"nowhere/test\.db.*check that the folder exists"):
        open_and_close(tmp_path / "nowhere" / "test.db")


def test_a_folder_is_no_database(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot be opened"):
        open_and_close(tmp_path)


# --- files that are no good -------------------------------------------------------------------------


def test_a_file_that_is_no_database_says_so_and_is_left_alone(database: Path) -> None:
    # Given a file of something else
    database.write_text("Dear diary, " * 1000)
    # When it is opened
    with pytest.raises(DatabaseCorrupt, match=r"test\.db.*no SQLite database"):
        open_and_close(database)
    # Then it still is that
    assert database.read_text() == "Dear diary, " * 1000


@pytest.mark.parametrize("intact", [100, 4096], ids=["all tables damaged", "all pages but the first damaged"])
def test_a_damaged_file_says_so(intact: int, url: str, database: Path) -> None:
    # Given a database of which only the first bytes are left
    asyncio.run(fill(url))
    content = database.read_bytes()
    database.write_bytes(content[:intact] + b"\xff" * (len(content) - intact))
    # When it is opened
    with pytest.raises(DatabaseCorrupt, match=r"test\.db.*restore it from a backup"):
        open_and_close(database)


async def test_damage_that_is_met_later_fails_what_meets_it_and_nothing_more(
    url: str, database: Path
) -> None:
    # Given a database in which the table of messages is damaged
    await fill(url)
    _damage_table(database, "message")
    async with Procession(url) as app:
        # When a command needs it
        with pytest.raises(DatabaseCorrupt, match="damaged"):
            await app.publish("paid", correlation_key="r1", ttl=timedelta(hours=1), message_id="m")
        # Then it fails, and what does not need it works
        await (await app.start("no_wait")).result(timeout=PATIENCE)


def _damage_table(database: Path, table: str) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name=?", (table,)).fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    content = bytearray(database.read_bytes())
    content[(page - 1) * size : page * size] = b"\xff" * size
    database.write_bytes(content)


# --- other versions ---------------------------------------------------------------------------------


def test_a_database_of_a_newer_version_that_this_one_cannot_read_is_refused(url: str, database: Path) -> None:
    # Given a database that a newer Procession changed in a way older ones cannot read
    asyncio.run(fill(url))
    _set_schema(database, version=99, readable_since=98)
    before = database.read_bytes()
    # When it is opened
    with pytest.raises(SchemaMismatch, match=r"test\.db has schema 99.*install the newer version"):
        open_and_close(database)
    # Then nothing was written to it
    assert database.read_bytes() == before


async def test_a_database_of_a_newer_version_that_this_one_can_read_is_used(url: str, database: Path) -> None:
    # Given a database that a newer Procession changed in a way older ones can live with
    await fill(url)
    _set_schema(database, version=99, readable_since=1)
    # Then it works
    async with Procession(url) as app:
        await (await app.start("no_wait")).result(timeout=PATIENCE)


def _set_schema(database: Path, *, version: int, readable_since: int) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("UPDATE schema_info SET version=?, readable_since=?", (version, readable_since))
        connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


# --- another program holds it -----------------------------------------------------------------------


@pytest.mark.parametrize("begin", ["BEGIN IMMEDIATE", "BEGIN EXCLUSIVE"])
async def test_a_locked_database_is_waited_for_and_then_said_to_be_held(
    begin: str, url: str, database: Path
) -> None:
    # Given a program that writes and does not end its transaction
    await fill(url)
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute(begin)
        # When a batch begins
        began = time.monotonic()
        with pytest.raises(DatabaseBusy, match=r"another process holds .*test\.db"):
            open_and_close(database)
        # Then it gives up when its patience ends, not before and not much later
        assert BUSY_SECONDS <= time.monotonic() - began < BUSY_SECONDS + 5
        other.execute("ROLLBACK")
    # And it works as soon as the other lets go
    open_and_close(database)


async def test_a_command_that_found_the_database_locked_may_be_sent_again(url: str, database: Path) -> None:
    # Given a running node, and a program that holds the database
    await fill(url)
    storage = SQLiteStorage(database, busy_seconds=BUSY_SECONDS)
    storage.open()
    node = Node(storage)
    node.start()
    inbox = Inbox(asyncio.get_running_loop())
    command = c.StartInstance("no_wait", -1, None, {}, None, "once", None)
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        # When a command is sent
        with pytest.raises(DatabaseBusy):
            await node.submit(command, inbox)
        other.execute("ROLLBACK")
    # Then the same node carries it out when it is sent again
    started = await node.submit(command, inbox)
    assert started.created
    await asyncio.to_thread(node.stop)
