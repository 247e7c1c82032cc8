"""What the other processes do: `python -m tests.integration.commands.roles ROLE PLACE LOCKS ...`.

PLACE is the URL of a database, or `files`. A role prints a line when it is ready.
"""

from __future__ import annotations

import fcntl
import os
import random
import signal
import sys
import time
from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa

from procession.errors import CommandLocked, DatabaseBusy, LockLost
from procession.operations.commands import Commands, HeldLock
from tests.migrations import engine

KEY = "race"
HOUR = timedelta(hours=1)


def race() -> None:
    """The command everybody wants to run."""


def commands_of(place: str, locks: str, lease: timedelta = HOUR) -> Commands:
    url = None if place == "files" else place
    return Commands(url, locks=locks, lease=lease).register({race: "Race"})


def say(text: str) -> None:
    print(text, flush=True)


class Witness:
    """Knows nothing of the lock: a file lock that the kernel drops when a process dies, a count that loses
    steps if two add at once, and a list of the fencing numbers in the order in which they were had."""

    def __init__(self, folder: Path) -> None:
        self._count = folder / "count"
        self._numbers = folder / "numbers"
        self._broken = folder / "broken"
        self._file = os.open(folder / "witness", os.O_RDWR | os.O_CREAT)

    def see(self, lock: HeldLock) -> None:
        """To be called while the lock is held."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with self._broken.open("a") as broken:
                broken.write(f"{os.getpid()} met another holder under {lock.fencing_number}\n")
            return
        before = self.count()
        with self._numbers.open("a") as numbers:
            numbers.write(f"{lock.fencing_number}\n")
        os.sched_yield()
        self._count.write_text(str(before + 1))
        fcntl.flock(self._file, fcntl.LOCK_UN)

    def count(self) -> int:
        return int(self._count.read_text() or 0) if self._count.exists() else 0

    def numbers(self) -> list[int]:
        return [int(line) for line in self._numbers.read_text().split()]

    def broken(self) -> str:
        return self._broken.read_text() if self._broken.exists() else ""


def _racer(place: str, locks: str, folder: Path, total: int) -> None:
    """Take the lock again and again, until it has been had so often by all together."""
    commands, witness = commands_of(place, locks), Witness(folder)
    commands._registered = commands._registry.labels()  # whoever began the race has done that
    while witness.count() < total:
        try:
            with commands.lock(KEY) as lock:
                witness.see(lock)
        except (CommandLocked, DatabaseBusy):
            time.sleep(random.uniform(0, 0.4))


def racers(place: str, locks: str, folder: str, count: str, total: str, kills: str) -> None:
    """So many processes race; so many of them are killed and replaced meanwhile. If one had the lock, it
    is freed, as no lease ends while they race: who has to wait long for a processor is no second holder."""
    commands = commands_of(place, locks)
    commands.status()
    commands.close()

    def begin() -> int:
        pid = os.fork()
        if pid == 0:
            try:
                _racer(place, locks, Path(folder), int(total))
            except BaseException:
                import traceback

                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        return pid

    running = {begin() for _ in range(int(count))}
    say("ready")
    for _ in range(int(kills)):
        time.sleep(random.uniform(0, 0.2))
        victim = random.choice(sorted(running))
        os.kill(victim, signal.SIGKILL)
        os.waitpid(victim, 0)
        free_from(commands, victim)
        running = running - {victim} | {begin()}
    codes = [os.waitpid(pid, 0)[1] for pid in running]
    say(f"ended {max(codes)}")


def free_from(commands: Commands, pid: int) -> None:
    """Take the lock from a process that is gone."""
    (record,) = (record for record in commands._store().overview().records if record.key == KEY)
    if record.holder is not None and record.holder.pid == pid:
        commands.unlock(KEY, reason="killed")
    commands.close()  # nothing may be open when the next process is forked


def holder(place: str, locks: str) -> None:
    """Takes the lock for a second at a time; told to, writes what it did, if it still may."""
    lease = timedelta(seconds=1)
    block = commands_of(place, locks, lease).lock(KEY)
    lock = block.__enter__()
    say(str(lock.fencing_number))
    sys.stdin.readline()
    try:
        write(place, lock, "late")
        say("written")
    except LockLost:
        say("refused")
    say("must stop" if lock.should_stop() else "goes on")


def write(place: str, lock: HeldLock, what: str) -> None:
    """An effect: in the database under the lock's number, or where there is none after a check."""
    if place == "files":
        lock.check()
        return
    made = engine(place)
    with made.begin() as connection:
        lock.fence(connection)
        connection.execute(sa.text("INSERT INTO effect VALUES (:what)"), {"what": what})
    made.dispose()


ROLES = {"racers": racers, "holder": holder}

if __name__ == "__main__":
    ROLES[sys.argv[1]](*sys.argv[2:])
