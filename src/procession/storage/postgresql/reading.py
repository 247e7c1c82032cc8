"""Engines for searches and migrations."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import sqlalchemy as sa

from procession.errors import DatabaseBusy
from procession.storage.port import Contended
from procession.storage.postgresql.faults import cannot_connect, translated


def make_engine(parameters: dict[str, Any], name: str) -> sa.Engine:
    """A small pool of sessions with these libpq parameters; `name` is what errors call the database.

    Connecting raises `StorageError`.
    """

    def connect() -> psycopg.Connection[Any]:
        try:
            return psycopg.connect(**parameters)
        except psycopg.OperationalError as error:
            raise cannot_connect(name, error) from error

    return sa.create_engine(
        sa.URL.create("postgresql+psycopg", database=name),
        creator=connect,
        pool_size=2,
        max_overflow=8,
        pool_pre_ping=True,
    )


@contextmanager
def translated_errors(engine: sa.Engine) -> Iterator[None]:
    """As `faults.translated`, for what comes through SQLAlchemy."""
    try:
        yield
    except sa.exc.DBAPIError as error:
        if not isinstance(error.orig, psycopg.Error):
            raise
        try:
            with translated(str(engine.url.database)):
                raise error.orig from error
        except Contended as contended:
            raise DatabaseBusy(
                f"database {engine.url.database}: others hold its tables for too long, such as a backup or "
                f"an upgrade; try again when they are done (PostgreSQL says: {error.orig})"
            ) from contended
