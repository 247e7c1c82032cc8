"""How commands reach the database: to ask, or as a client that executes its own command only."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import sqlalchemy as sa

    from procession import Procession

T = TypeVar("T")


def ask(url: str, question: Callable[[sa.Engine], T]) -> T:
    """Answer a question from what is committed; neither waits for writers nor changes a thing.

    Raises:
        StorageError: there is no such database, or it cannot be read.
    """
    from procession.storage.searches import open_reader

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
    """
    from procession import Procession
    from procession.storage.searches import must_exist

    if not create:
        must_exist(url)
    async with Procession(url, serve=False, upgrade=upgrade) as app:
        yield app
