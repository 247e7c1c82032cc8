"""A MariaDB server for the tests, and a database of its own for each of them.

The system's programs (Debian: mariadb-server) run with a data folder, a port and a socket of their own,
on loopback, and end with the test session.
"""

from __future__ import annotations

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

import pymysql

from tests.servers import free_port, missing, unprivileged

PATIENCE = 60.0
_USER = "procession"
_ADMIN = f"CREATE USER IF NOT EXISTS '{_USER}'@'127.0.0.1'; GRANT ALL ON *.* TO '{_USER}'@'127.0.0.1';"


def programs() -> tuple[str, str] | None:
    """`mariadb-install-db` and `mariadbd`; None if they are not installed."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/libexec"
    install, server = (shutil.which(name, path=path) for name in ("mariadb-install-db", "mariadbd"))
    return (install, server) if install and server else None


class MariaDB:
    """A running server; `stop` and `start` let a test take it away for a while."""

    def __init__(self, folder: Path, programs: tuple[str, str]) -> None:
        self.folder = folder
        self.port = free_port()
        self._install, self._server = programs
        self._owner = unprivileged("mysql")
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = itertools.count(1)
        self._make()

    def _make(self) -> None:
        (self.folder / "init.sql").write_text(_ADMIN.replace("; ", ";\n"))
        if self._owner is not None:
            os.chown(self.folder, self._owner.pw_uid, self._owner.pw_gid)
        done = subprocess.run(
            [
                self._install,
                "--no-defaults",
                f"--datadir={self.folder / 'data'}",
                "--skip-test-db",
                *([f"--user={self._owner.pw_name}"] if self._owner else []),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"mariadb-install-db failed: {done.stdout}{done.stderr}")

    def start(self) -> None:
        """Start it, and wait until it answers."""
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    self._server,
                    "--no-defaults",
                    f"--datadir={self.folder / 'data'}",
                    f"--socket={self.folder / 'socket'}",
                    f"--pid-file={self.folder / 'pid'}",
                    f"--init-file={self.folder / 'init.sql'}",
                    f"--port={self.port}",
                    "--bind-address=127.0.0.1",
                    "--skip-name-resolve",
                    "--max-connections=300",
                    "--innodb-buffer-pool-size=64M",
                    *([f"--user={self._owner.pw_name}"] if self._owner else []),
                ],
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + PATIENCE
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"MariaDB did not start: {(self.folder / 'log').read_text()[-4000:]}")
            time.sleep(0.05)

    def _answers(self) -> bool:
        try:
            self._connect().close()
        except pymysql.err.OperationalError:
            return False
        return True

    def _connect(self) -> pymysql.Connection[pymysql.cursors.Cursor]:
        return pymysql.connect(host="127.0.0.1", port=self.port, user=_USER, autocommit=True)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End it: SIGKILL is a crash."""
        if self._process is not None:
            self._process.send_signal(how)
            try:
                self._process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    def url(self, database: str) -> str:
        return f"mariadb://{_USER}@127.0.0.1:{self.port}/{database}"

    def execute(self, statement: str) -> None:
        """Run a statement outside of any transaction."""
        with self._connect() as connection, connection.cursor() as cursor:
            cursor.execute(statement)

    def create_database(self) -> str:
        """A new, empty database. Answers its name."""
        name = f"test_{os.getpid()}_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name}")
        return name

    def drop_database(self, name: str) -> None:
        self.execute(f"DROP DATABASE {name}")


@contextmanager
def own_mariadb() -> Iterator[MariaDB]:
    """A server; without MariaDB its tests are skipped, except where CI is set: there they fail."""
    found = programs()
    if found is None:
        missing("no MariaDB: `mariadbd` and `mariadb-install-db` are in the Debian package mariadb-server")
    folder = Path(tempfile.mkdtemp(prefix="procession-mariadb-"))
    server = MariaDB(folder, found)
    try:
        server.start()
        yield server
    finally:
        server.stop(signal.SIGKILL)
        shutil.rmtree(folder, ignore_errors=True)
