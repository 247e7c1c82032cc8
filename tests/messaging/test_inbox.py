"""The inbox, on each database, with synchronous and asynchronous sessions and connections."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import Session

from procession.errors import DatabaseBusy, InvalidInput
from procession.messaging import Inbox, acreate_tables
from procession.messaging.tables import inbox as inbox_table

from .helpers import count_up, counted

inbox = Inbox()


@pytest.fixture
async def async_engine(async_url: sa.URL) -> AsyncIterator[AsyncEngine]:
    made = create_async_engine(async_url)
    yield made
    await made.dispose()


def test_only_the_first_of_two_applies(engine: sa.Engine) -> None:
    # When
    answers = []
    for _ in range(3):
        with Session(engine) as session, session.begin(), inbox.once("m-1", session) as first:
            answers.append(first)
            if first:
                count_up(session.connection(), "effect")

    # Then
    assert answers == [True, False, False]
    assert counted(engine, "effect") == 1


def test_a_connection_will_do(engine: sa.Engine) -> None:
    # When
    answers = []
    for _ in range(2):
        with engine.begin() as connection, inbox.once("m-1", connection) as first:
            answers.append(first)

    # Then
    assert answers == [True, False]


async def test_an_asynchronous_session_will_do(async_engine: AsyncEngine, engine: sa.Engine) -> None:
    # When
    answers = []
    for _ in range(2):
        async with (
            AsyncSession(async_engine) as session,
            session.begin(),
            inbox.once("m-1", session) as first,
        ):
            answers.append(first)
            if first:
                await (await session.connection()).run_sync(count_up, "effect")

    # Then
    assert answers == [True, False]
    assert counted(engine, "effect") == 1


async def test_an_asynchronous_connection_will_do(async_engine: AsyncEngine) -> None:
    # When
    answers = []
    for _ in range(2):
        async with async_engine.begin() as connection, inbox.once("m-1", connection) as first:
            answers.append(first)

    # Then
    assert answers == [True, False]


@pytest.mark.parametrize("other", ["m-1 ", "M-1", "m-1é", "m-1e", "m-10"])
def test_ids_that_differ_at_all_are_two(engine: sa.Engine, other: str) -> None:
    # Given
    with engine.begin() as connection, inbox.once("m-1", connection):
        pass

    # When
    with engine.begin() as connection, inbox.once(other, connection) as first:
        pass

    # Then
    assert first


def test_the_longest_ids_are_told_apart(engine: sa.Engine) -> None:
    # Given
    with engine.begin() as connection, inbox.once("x" * 254 + "1", connection):
        pass

    # When
    with engine.begin() as connection, inbox.once("x" * 254 + "2", connection) as first:
        pass

    # Then
    assert first
    with pytest.raises(InvalidInput, match="256 bytes"), engine.begin() as connection:
        inbox.once("x" * 256, connection)


def test_what_is_rolled_back_was_not_first(engine: sa.Engine) -> None:
    # Given
    with engine.connect() as connection:
        with inbox.once("m-1", connection):
            count_up(connection, "effect")
        connection.rollback()

    # When
    with engine.begin() as connection, inbox.once("m-1", connection) as first:
        pass

    # Then
    assert first
    assert counted(engine, "effect") == 0


def test_an_error_in_the_block_undoes_it_even_if_the_caller_commits(engine: sa.Engine) -> None:
    # Given
    with Session(engine) as session:
        try:
            with inbox.once("m-1", session):
                count_up(session.connection(), "effect")
                raise RuntimeError("half done")
        except RuntimeError:
            session.commit()

    # When
    with Session(engine) as session, inbox.once("m-1", session) as first:
        pass

    # Then
    assert first
    assert counted(engine, "effect") == 0


async def test_an_error_in_an_asynchronous_block_undoes_it_too(
    async_engine: AsyncEngine, engine: sa.Engine
) -> None:
    # Given
    async with AsyncSession(async_engine) as session:
        try:
            async with inbox.once("m-1", session):
                await (await session.connection()).run_sync(count_up, "effect")
                raise RuntimeError("half done")
        except RuntimeError:
            await session.commit()

    # When
    async with async_engine.begin() as connection, inbox.once("m-1", connection) as first:
        pass

    # Then
    assert first
    assert counted(engine, "effect") == 0


def test_a_connection_that_commits_by_itself_is_refused(engine: sa.Engine) -> None:
    with (
        pytest.raises(InvalidInput, match="autocommit"),
        engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection,
        inbox.once("m-1", connection),
    ):
        pass


def test_an_engine_that_commits_by_itself_is_refused(engine: sa.Engine) -> None:
    other = sa.create_engine(engine.url, isolation_level="AUTOCOMMIT")
    with (
        pytest.raises(InvalidInput, match="autocommit"),
        other.connect() as connection,
        inbox.once("m-1", connection),
    ):
        pass
    other.dispose()


async def test_an_asynchronous_engine_that_commits_by_itself_is_refused(
    async_url: sa.URL, engine: sa.Engine
) -> None:
    other = create_async_engine(async_url, isolation_level="AUTOCOMMIT")
    with pytest.raises(InvalidInput, match="autocommit"):
        async with other.connect() as connection, inbox.once("m-1", connection):
            pass
    await other.dispose()


def test_old_ids_are_forgotten_in_small_transactions(engine: sa.Engine) -> None:
    # Given
    old = [{"message_id": f"old-{number}", "received_at": 1} for number in range(2500)]
    with engine.begin() as connection:
        connection.execute(inbox_table.insert(), old)
        with inbox.once("new", connection):
            pass

    # When
    forgotten = inbox.forget(engine, older_than=timedelta(days=7))

    # Then
    assert forgotten == 2500
    with engine.begin() as connection, inbox.once("new", connection) as first:
        assert not first


async def test_old_ids_are_forgotten_asynchronously(async_engine: AsyncEngine, engine: sa.Engine) -> None:
    # Given
    with engine.begin() as connection:
        connection.execute(inbox_table.insert(), {"message_id": "old", "received_at": 1})

    # When
    forgotten = await inbox.aforget(async_engine, older_than=timedelta(days=7))

    # Then
    assert forgotten == 1


async def test_the_tables_are_made_where_they_are_missing(
    async_engine: AsyncEngine, engine: sa.Engine
) -> None:
    # Given
    inbox_table.drop(engine)

    # When
    await acreate_tables(async_engine)
    await acreate_tables(async_engine)

    # Then
    assert sa.inspect(engine).has_table("procession_inbox")


def test_sqlite_says_what_to_do_when_a_transaction_has_read_before_another_wrote(
    request: pytest.FixtureRequest, engine: sa.Engine
) -> None:
    """Transactions that begin with BEGIN keep what they read first."""
    if engine.dialect.name != "sqlite":
        pytest.skip("only SQLite's transactions cannot write any more then")
    other = sa.create_engine(engine.url)

    @sa.event.listens_for(other, "connect")
    def by_itself(connection: sqlite3.Connection, _: object) -> None:
        connection.isolation_level = None

    @sa.event.listens_for(other, "begin")
    def begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    # Given
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA journal_mode=WAL")
    with other.connect() as late:
        late.exec_driver_sql("SELECT count(*) FROM counter")
        with engine.begin() as connection:
            count_up(connection, "another")

        # When / Then
        with pytest.raises(DatabaseBusy, match="BEGIN IMMEDIATE"), inbox.once("m-1", late):
            pass
    with other.begin() as again, inbox.once("m-1", again) as first:
        assert first
    other.dispose()
