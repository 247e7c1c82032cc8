"""Transactions in the same database, fenced by a lock: they commit under it, or not at all."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from procession.errors import CommandLocked, InvalidInput, LockLost, Unsupported
from tests.migrations import engine

from .places import FilePlace, Place, losing

KEY = "get-orders"
EFFECT = sa.text("INSERT INTO effect VALUES (1)")


@pytest.fixture
def database(database_place: Place) -> Iterator[sa.Engine]:
    """An engine of the caller's own, with a table of theirs."""
    assert database_place.url is not None
    made = engine(database_place.url)
    with made.begin() as connection:
        connection.execute(sa.text("CREATE TABLE effect (what INTEGER)"))
    yield made
    made.dispose()


def effects(database: sa.Engine) -> int:
    with database.connect() as connection:
        return int(connection.execute(sa.text("SELECT count(*) FROM effect")).scalar_one())


def test_a_transaction_of_the_holder_commits(database_place: Place, database: sa.Engine) -> None:
    with database_place.open().lock(KEY) as lock, database.begin() as connection:
        lock.fence(connection)
        connection.execute(EFFECT)

    assert effects(database) == 1


def test_a_session_will_do(database_place: Place, database: sa.Engine) -> None:
    with database_place.open().lock(KEY) as lock, Session(database) as session, session.begin():
        lock.fence(session)
        session.execute(EFFECT)

    assert effects(database) == 1


def test_a_transaction_of_a_late_holder_is_refused(database_place: Place, database: sa.Engine) -> None:
    # Given a lock that was taken over
    with losing(database_place.open().lock(KEY)) as late:
        database_place.jump(timedelta(minutes=2))
        with database_place.open().lock(KEY):
            # When its former holder begins a transaction
            with pytest.raises(LockLost, match="taken over"), database.begin() as connection:
                late.fence(connection)
            # Then it knows that it must stop
            assert late.should_stop()


def test_nobody_takes_a_lock_over_while_a_transaction_is_fenced(
    database_place: Place, database: sa.Engine
) -> None:
    order: list[str] = []

    def take_over() -> None:
        while True:
            try:
                with database_place.open().lock(KEY):
                    order.append("taken over")
                    return
            except CommandLocked:
                continue

    # Given a transaction that is fenced
    with losing(database_place.open().lock(KEY)) as lock:
        database_place.jump(timedelta(minutes=2))
        with database.begin() as connection:
            lock.fence(connection)
            # When another wants the lock, whose lease has ended
            other = threading.Thread(target=take_over)
            other.start()
            other.join(0.5)
            connection.execute(EFFECT)
            order.append("written")
        # Then it has it after the transaction only
        other.join()
    assert order == ["written", "taken over"]


def test_a_lease_can_be_renewed_while_a_transaction_is_fenced(postgresql_url: str, tmp_path: Path) -> None:
    # On SQLite there is one writer at a time
    from procession.operations.commands import Commands

    made = engine(postgresql_url)
    commands = Commands(postgresql_url, locks=tmp_path / "locks")
    with commands, commands.lock("process-manager") as lock, made.begin() as connection:
        lock.fence(connection)
        lock.check()
    made.dispose()


def test_another_database_is_refused(database_place: Place, tmp_path: Path) -> None:
    made = sa.create_engine(f"sqlite:///{tmp_path / 'other.db'}")
    with (
        database_place.open().lock(KEY) as lock,
        made.connect() as connection,
        pytest.raises(InvalidInput, match="not in the database of the lock"),
    ):
        lock.fence(connection)
    made.dispose()


def test_locks_in_files_fence_no_transaction(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place, made = FilePlace(tmp_path / "locks", monkeypatch), sa.create_engine("sqlite://")

    with (
        place.open().lock(KEY) as lock,
        made.connect() as connection,
        pytest.raises(Unsupported, match="files"),
    ):
        lock.fence(connection)

    place.close()
    made.dispose()
