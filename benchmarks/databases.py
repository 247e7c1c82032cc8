"""Where a round's databases are: SQLite files in its folder, or databases of the server it was given."""

from __future__ import annotations

import os
from pathlib import Path

import psycopg
from psycopg import sql

SERVER = "PROCESSION_BENCH_SERVER"
"""Environment: URL of the PostgreSQL server, without a database. Without it, databases are SQLite files."""


def database_url(folder: Path, name: str) -> str:
    """The URL of a round's database."""
    server = os.environ.get(SERVER)
    return f"{server.rstrip('/')}/{folder.name}-{name}" if server else sqlite_url(folder, name)


def sqlite_url(folder: Path, name: str) -> str:
    """The URL of a file, whatever the others of the suite are on."""
    return f"sqlite:///{folder / name}.db"


def create_database(url: str) -> None:
    """Make an empty database on the server; SQLite makes its files itself."""
    server, _, name = url.rpartition("/")
    if server.startswith("postgresql"):
        with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
