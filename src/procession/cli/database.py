"""How commands reach a database or server: to ask, or as a client that executes its own command only."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeVar

from procession.cli.credentials import from_environment
from procession.errors import Unsupported

if TYPE_CHECKING:
    import sqlalchemy as sa

    from procession import Procession

T = TypeVar("T")


def ask(url: str, question: Callable[[sa.Engine], T]) -> T:
    """Answer a question from what is committed; neither waits for writers nor changes a thing.

    Raises:
        StorageError: there is no such database, or it cannot be read.
        Unsupported: it is a remote server.
    """
    from procession.client.remote import is_remote, shown
    from procession.storage.searches import open_reader

    if is_remote(url):
        raise Unsupported(
            f"{shown(url)} cannot be searched: its protocol has no call for lists, counts and details; "
            "name the database of a Procession server instead (--db sqlite:///... or postgresql://...)"
        )
    engine = open_reader(url)
    try:
        return question(engine)
    finally:
        engine.dispose()


@asynccontextmanager
async def client(url: str, *, create: bool = False, upgrade: bool = True) -> AsyncIterator[Procession]:
    """An app that executes what is asked of it and nothing else; with `create` it makes the database.
    Without `upgrade` it leaves making and upgrading the tables to others.

    Raises:
        StorageError: the database cannot be used, or is not there.
        NotReady: the remote server cannot be reached.
        NotAllowed: it refuses the credentials.
    """
    from procession import Procession
    from procession.client.remote import is_remote
    from procession.storage.searches import must_exist

    credentials = from_environment() if is_remote(url) else None
    if not create and not is_remote(url):
        must_exist(url)
    async with Procession(url, serve=False, upgrade=upgrade, credentials=credentials) as app:
        yield app
