"""A locks directory that is removed, read-only, full or no directory: the database decides."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from procession.errors import CommandDisabled, CommandLocked, StorageError
from procession.operations.commands import Commands, Status
from procession.testing.database import create_database
from tests.integration.disks import small_disk

from .roles import KEY, race


@pytest.fixture
def commands(tmp_path: Path) -> Iterator[Commands]:
    """Locks in a database, with a directory beside it."""
    database = create_database(tmp_path / "test.db")
    with Commands(f"sqlite:///{database}", locks=tmp_path / "locks").register({race: "Race"}) as made:
        yield made


def another(commands: Commands) -> Commands:
    return Commands(commands.url, locks=commands.locks).register({race: "Race"})


def must_work(commands: Commands) -> None:
    """All that locks do without files."""
    with commands.lock(KEY) as lock, another(commands) as other:
        with pytest.raises(CommandLocked):
            other.lock(KEY).__enter__()
        lock.check()
        assert not lock.should_stop()
        assert {one.key: one.status for one in other.status()}[KEY] is Status.WORKING
    commands.disable(KEY, actor="anna")
    with pytest.raises(CommandDisabled):
        commands.lock(KEY).__enter__()
    assert commands.enable(KEY, actor="anna") is None


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.message for record in caplog.records if record.levelno >= logging.WARNING]


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Permissions do not bind root, a read-only mount does."""
    folder.mkdir(exist_ok=True)
    command = ["mount", "--bind", str(folder), str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode:
        reason = "no read-only mount: that takes root with the right to mount"
        if os.environ.get("CI"):
            pytest.fail(reason)
        print(f"\nskipped: {reason}", file=sys.stderr)
        pytest.skip(reason)
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", str(folder)], check=True)
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_directory_removed_while_a_command_works(
    commands: Commands, caplog: pytest.LogCaptureFixture
) -> None:
    with commands.lock(KEY) as lock, another(commands) as other:
        shutil.rmtree(commands.locks)

        with pytest.raises(CommandLocked):
            other.lock(KEY).__enter__()
        assert not lock.should_stop()
        lock.check()

        assert (commands.locks / "race.lock").exists()
    assert warnings(caplog) == []


def test_a_file_in_its_place(commands: Commands, caplog: pytest.LogCaptureFixture) -> None:
    commands.locks.touch()

    must_work(commands)

    mine = [line for line in warnings(caplog) if "cannot be used" in line]
    assert len(mine) == 2  # one of each that uses it
    assert "the database decides" in mine[0]


def test_a_directory_that_is_read_only(commands: Commands, caplog: pytest.LogCaptureFixture) -> None:
    with commands.lock(KEY):
        pass
    with read_only(commands.locks):
        must_work(commands)
        # What people did there before is still obeyed
        assert sum("cannot be used" in line for line in warnings(caplog)) == 1
    # And when it can be written again it is used, which is said
    with commands.lock(KEY):
        assert (commands.locks / "race.lock").exists()
    assert "can be used again" in warnings(caplog)[-1]


def test_a_file_that_disables_is_obeyed_in_a_read_only_directory(commands: Commands) -> None:
    commands.locks.mkdir()
    (commands.locks / "all-commands.disabled").touch()
    with read_only(commands.locks):
        with pytest.raises(CommandDisabled):
            commands.lock(KEY).__enter__()
        # And enabling says why it cannot
        with pytest.raises(StorageError, match="its file cannot be removed and is obeyed"):
            commands.enable(actor="anna")


def test_a_directory_on_a_full_disk(commands: Commands, caplog: pytest.LogCaptureFixture) -> None:
    with small_disk(commands.locks) as make_room:
        fill(commands.locks)
        must_work(commands)
        assert sum("cannot be used" in line for line in warnings(caplog)) == 1
        make_room()
        (commands.locks / "filler").unlink(missing_ok=True)
        with commands.lock(KEY):
            assert (commands.locks / "race.lock").exists()


def fill(folder: Path) -> None:
    with (folder / "filler").open("wb", buffering=0) as filler:
        try:
            while True:
                filler.write(b"x" * 4096)
        except OSError:
            return


def test_without_a_database_it_is_said_that_nothing_can_be_locked(tmp_path: Path) -> None:
    (tmp_path / "locks").touch()
    commands = Commands(locks=tmp_path / "locks").register({race: "Race"})

    with pytest.raises(StorageError, match="without a database nothing can be locked elsewhere"):
        commands.lock(KEY).__enter__()


def test_without_a_database_a_directory_is_made_when_it_is_needed(tmp_path: Path) -> None:
    commands = Commands(locks=tmp_path / "storage" / "locks").register({race: "Race"})
    assert commands.status()
    assert not (tmp_path / "storage").exists()

    with commands.lock(KEY):
        assert (tmp_path / "storage" / "locks" / "race.lock").exists()
