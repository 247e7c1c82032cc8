"""Opening a database for searches only: nothing is created, upgraded or locked."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import sqlalchemy as sa

from procession.errors import InvalidInput, SchemaMismatch, StorageError
from procession.storage.searches.reading import reading
from procession.storage.urls import is_postgresql, need_driver, shown
from procession.storage.versions import check_readable, versions_in

_PREFIX = "sqlite:///"


def database_file(url: str) -> Path:
    """The file of a database URL (`sqlite:///relative.db`, `sqlite:////absolute.db`); it need not exist.

    Raises:
        InvalidInput: the URL names no file.
    """
    if not url.startswith(_PREFIX) or url == _PREFIX or ":memory:" in url:
        raise InvalidInput(
            f"database URL {shown(url)!r} is not understood; write sqlite:///orders.db for a file in this "
            "folder, sqlite:////var/lib/orders.db for a full path, or postgresql://user:password@host/database"
        )
    return Path(url.removeprefix(_PREFIX)).absolute()


def must_exist(url: str) -> None:
    """Refuse a database that is not there (a server is asked when it is connected to).

    Raises:
        InvalidInput: the URL is not understood.
        StorageError: there is no such file.
    """
    if not is_postgresql(url):
        _existing_file(url)


def full_name(url: str) -> str:
    """A database URL as it works from any folder, without a password."""
    return shown(url) if is_postgresql(url) else f"sqlite:///{database_file(url)}"


def _existing_file(url: str) -> Path:
    """Like `database_file`, for one that must be there.

    Raises:
        InvalidInput: the URL names no file.
        StorageError: there is no such file.
    """
    file = database_file(url)
    if not file.is_file():
        raise StorageError(
            f"there is no database {file}; check the URL, or make it with `procession deploy FILE --db {url}`"
        )
    return file


def open_reader(url: str) -> sa.Engine:
    """An engine for the searches here; dispose of it when done.

    Raises:
        InvalidInput: the URL is not understood.
        SchemaMismatch: the database is none of Procession's, or of a newer one.
        StorageError: it does not exist, or cannot be read.
    """
    engine, name = engine_of(url)
    try:
        _check_schema(engine, name)
    except BaseException:
        engine.dispose()
        raise
    return engine


def engine_of(url: str, *, read_only: bool = True) -> tuple[sa.Engine, str]:
    """An engine, and what to call its database; whatever is in it. A file is read only in any case.

    Raises:
        InvalidInput: the URL is not understood.
        StorageError: there is no such file.
    """
    if is_postgresql(url):
        need_driver(url)
        from procession.storage.postgresql.address import Address
        from procession.storage.postgresql.reading import make_engine

        address = Address(url)
        return make_engine(address.for_reading(read_only=read_only), address.name), address.name
    file = _existing_file(url)
    engine = sa.create_engine(
        sa.URL.create("sqlite", database=str(file)),
        creator=lambda: sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True),
    )
    return engine, str(file)


def _check_schema(engine: sa.Engine, name: str) -> None:
    with reading(engine) as connection:
        found = versions_in(connection)
    if found is None:
        raise SchemaMismatch(
            f"database {name} has no tables of Procession; name another, or deploy to this one first"
        )
    check_readable(found, name)
