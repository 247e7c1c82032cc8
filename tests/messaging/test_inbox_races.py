"""The inbox when the same message is handled twice at the same time."""

from __future__ import annotations

import random
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from procession.errors import DatabaseBusy, WrongState
from procession.messaging import Inbox

from .helpers import PATIENCE, count_up, counted

inbox = Inbox()


def apply_once(engine: sa.Engine, message_id: str, effect: str) -> bool:
    with Session(engine) as session, session.begin(), inbox.once(message_id, session) as first:
        if first:
            count_up(session.connection(), effect)
        return first


def waits(engine: sa.Engine, second: Future[bool]) -> None:
    """Wait until the database says that somebody waits for a lock (SQLite cannot tell)."""
    question = {
        "postgresql": "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
        "AND datname = current_database()",
        "mariadb": "SELECT count(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'",
    }.get(engine.dialect.name)
    deadline = time.monotonic() + PATIENCE
    while question is not None and not second.done() and time.monotonic() < deadline:
        with engine.connect() as connection:
            if connection.exec_driver_sql(question).scalar():
                return
        time.sleep(
            0.2
        )  # InnoDB's list of transactions stays as it is while it is read more often than each 0.1 s


def test_the_second_waits_and_is_not_first_when_the_first_commits(engine: sa.Engine) -> None:
    with ThreadPoolExecutor(1) as pool, Session(engine) as session:
        # Given
        with inbox.once("m-1", session) as first:
            count_up(session.connection(), "effect")

        # When
        second = pool.submit(apply_once, engine, "m-1", "effect")
        waits(engine, second)
        assert not second.done()
        session.commit()

        # Then
        assert first
        assert second.result(PATIENCE) is False
    assert counted(engine, "effect") == 1


def test_the_second_waits_and_is_first_when_the_first_rolls_back(engine: sa.Engine) -> None:
    with ThreadPoolExecutor(1) as pool, Session(engine) as session:
        # Given
        with inbox.once("m-1", session):
            count_up(session.connection(), "effect")

        # When
        second = pool.submit(apply_once, engine, "m-1", "effect")
        waits(engine, second)
        assert not second.done()
        session.rollback()

        # Then
        assert second.result(PATIENCE) is True
    assert counted(engine, "effect") == 1


def test_of_many_at_once_one_is_first_though_others_roll_back(engine: sa.Engine) -> None:
    """Several that wait for one which rolls back must not be a deadlock."""
    # Given
    together = threading.Barrier(6)

    def roll_back_or_apply(number: int) -> bool:
        together.wait(PATIENCE)
        with Session(engine) as session:
            with inbox.once("m-1", session) as first:
                if first:
                    count_up(session.connection(), "effect")
            if first and number % 2:
                session.rollback()
                return apply_once(engine, "m-1", "effect")
            session.commit()
            return first

    # When
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(roll_back_or_apply, range(6)))

    # Then
    assert answers.count(True) == 1
    assert counted(engine, "effect") == 1


def test_the_same_messages_in_another_order_each_apply_once(engine: sa.Engine) -> None:
    """Transactions over several messages meet in every order; a deadlock is an error, never a double."""
    seed = random.randrange(1_000_000)
    print(f"seed {seed}")
    chance = random.Random(seed)
    ids = [f"m-{number}" for number in range(12)]

    def worker(order: list[str]) -> None:
        left = list(order)
        while left:
            some = left[:3]
            try:
                with Session(engine) as session, session.begin():
                    for message_id in some:
                        with inbox.once(message_id, session) as first:
                            if first:
                                count_up(session.connection(), message_id)
            except (DatabaseBusy, sa.exc.OperationalError):
                continue  # delivered again
            left = left[3:]

    # When
    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(worker, chance.sample(ids, len(ids))) for _ in range(4)]:
            done.result(PATIENCE)

    # Then
    assert {message_id: counted(engine, message_id) for message_id in ids} == dict.fromkeys(ids, 1)


def test_a_deadlock_that_is_swallowed_is_found_out(engine: sa.Engine) -> None:
    """MariaDB undoes the whole transaction, and goes on as if nothing had happened."""
    if engine.dialect.name != "mariadb":
        pytest.skip("only MariaDB goes on after a deadlock")

    # Given
    with engine.begin() as connection:
        for name in ("a", "b"):
            count_up(connection, name)
    holds_b, victim_holds_a = threading.Event(), threading.Event()

    def other() -> None:
        with engine.begin() as connection:
            for number in range(50):  # the one with fewer changes is the victim
                count_up(connection, f"weight-{number}")
            count_up(connection, "b")
            holds_b.set()
            victim_holds_a.wait(PATIENCE)
            count_up(connection, "a")

    def go_on_regardless(session: Session) -> None:
        connection = session.connection()
        with inbox.once("m-1", session):
            count_up(connection, "a")
            victim_holds_a.set()
            try:
                count_up(connection, "b")
            except sa.exc.OperationalError:
                count_up(connection, "effect")  # a mistake

    # When / Then
    with ThreadPoolExecutor(1) as pool, Session(engine) as session:
        running = pool.submit(other)
        holds_b.wait(PATIENCE)
        with pytest.raises(WrongState, match="deadlock"):
            go_on_regardless(session)
        running.result(PATIENCE)
        session.commit()
    assert counted(engine, "effect") == 0
    assert apply_once(engine, "m-1", "effect")
