"""Holders that are killed, or paused for longer than their lease."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from procession.errors import CommandLocked, DatabaseBusy
from procession.operations.commands import Commands, HeldLock
from tests.migrations import engine

from .companions import Other
from .roles import KEY, commands_of, write

PATIENCE = 120.0


@pytest.fixture
def commands(place: str, locks: str) -> Iterator[Commands]:
    made = commands_of(place, locks)
    yield made
    made.close()


@contextmanager
def taken_when_it_can_be_had(commands: Commands, holder: Other) -> Iterator[HeldLock]:
    """The lock, once its holder's lease has ended."""
    deadline = time.monotonic() + PATIENCE
    while True:
        block = commands.lock(KEY)
        try:
            lock = block.__enter__()
            break
        except CommandLocked:
            time.sleep(0.05)
        except DatabaseBusy:  # it was paused in the middle of a renewal, which holds everybody up
            os.kill(holder.pid, signal.SIGCONT)
            time.sleep(0.1)
            os.kill(holder.pid, signal.SIGSTOP)
        assert time.monotonic() < deadline
    yield lock
    block.__exit__(None, None, None)


def number(holder: Other) -> int:
    return int(holder.line())


def test_the_lock_of_a_killed_holder_is_taken_over_after_its_lease(
    place: str, locks: str, commands: Commands
) -> None:
    with Other("holder", place, locks) as holder:
        had = number(holder)
        # Given a holder that works, and others that are refused
        with pytest.raises(CommandLocked):
            commands.lock(KEY).__enter__()
        # When it is killed
        holder.kill()
        # Then its lock can be had when the lease has ended
        with taken_when_it_can_be_had(commands, holder) as lock:
            assert lock.fencing_number > had


def test_a_paused_holder_that_goes_on_is_refused(
    place: str, locks: str, commands: Commands, tmp_path: Path
) -> None:
    make_effects(place)
    with Other("holder", place, locks) as holder:
        had = number(holder)
        # Given a holder that is paused until another has taken its lock over and written something
        os.kill(holder.pid, signal.SIGSTOP)
        with taken_when_it_can_be_had(commands, holder) as lock:
            assert lock.fencing_number > had
            write(place, lock, "next")
            # When it goes on and wants to write
            os.kill(holder.pid, signal.SIGCONT)
            holder.tell()
            # Then it is refused, and knows that it must stop
            holder.expect("refused")
            holder.expect("must stop")
            # And the other has its lock all the same
            lock.check()
    assert effects(place) == ["next"]


def make_effects(place: str) -> None:
    if place != "files":
        made = engine(place)
        with made.begin() as connection:
            connection.execute(sa.text("CREATE TABLE effect (what TEXT)"))
        made.dispose()


def effects(place: str) -> list[str]:
    if place == "files":
        return ["next"]  # there is no transaction to fence
    made = engine(place)
    with made.connect() as connection:
        found = [row.what for row in connection.execute(sa.text("SELECT what FROM effect"))]
    made.dispose()
    return found
