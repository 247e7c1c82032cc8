"""What a node asks for: jobs, timers, commands and messages whose time has come."""

from __future__ import annotations

from typing import Any

import pytest

from procession.engine import Unit
from procession.engine.records import Record
from procession.storage.order import OutOfOrder
from procession.storage.port import Storage

from . import samples


def _activatable(storage: Storage, limit: int = 100, type_: str = "t") -> list[int]:
    with storage.transaction() as transaction:
        return [job.key for job in transaction.activatable(Unit(), type_, limit)]


def test_jobs_come_by_priority_then_due_time_then_key(storage: Storage) -> None:
    samples.save(
        storage,
        samples.job(1, due=30),
        samples.job(2, due=20),
        samples.job(3, due=20),
        samples.job(4, due=40, priority=90),
        samples.job(5, due=10, priority=0),
        samples.job(6, due=50, priority=-5),
    )

    assert _activatable(storage) == [4, 2, 3, 1, 5, 6]


def test_jobs_are_limited_after_they_were_ordered(storage: Storage) -> None:
    samples.save(storage, *[samples.job(key, priority=key % 3, due=key) for key in range(1, 10)])

    assert _activatable(storage, limit=4) == [2, 5, 8, 1]
    assert _activatable(storage, limit=0) == []


def test_only_jobs_of_the_type_that_are_due_are_handed_out(storage: Storage) -> None:
    now = samples.save(storage)
    samples.save(
        storage,
        samples.job(1, due=None),
        samples.job(2, due=now + 3_600_000),
        samples.job(3, type="other"),
        samples.job(4, due=now),
    )

    assert _activatable(storage) == [4]
    assert _activatable(storage, type_="nobody") == []


def test_a_job_whose_lease_or_backoff_has_ended_is_handed_out(storage: Storage) -> None:
    now = samples.save(storage)
    samples.save(storage, samples.job(1, due=now + 60_000))

    storage.move_clock(60_001)

    assert _activatable(storage) == [1]


def test_jobs_the_transaction_works_with_are_left_out_and_others_take_their_place(storage: Storage) -> None:
    samples.save(storage, *[samples.job(key) for key in (1, 2, 3, 4)])

    with storage.transaction() as transaction:
        unit = Unit()
        unit.jobs.loaded.update(samples.load(transaction, "job", 1, 2).loaded)
        for key in (1, 2):
            unit.jobs.get(key)
        unit.jobs.add(samples.job(5))

        found = transaction.activatable(unit, "t", 2)

    assert [job.key for job in found] == [3, 4]


def test_jobs_handed_out_are_records_of_the_unit(storage: Storage) -> None:
    samples.save(storage, samples.job(1))
    with storage.transaction() as transaction:
        unit = Unit()
        [job] = transaction.activatable(unit, "t", 1)
        job.worker = "w"
        transaction.write(unit)
        transaction.commit()

    assert samples.stored(storage, "job", 1) == [samples.job(1, worker="w")]


def test_the_next_job_is_the_earliest_that_is_not_due_yet(storage: Storage) -> None:
    now = samples.save(storage)
    later = now + 3_600_000
    samples.save(
        storage,
        samples.job(1, due=now),
        samples.job(2, due=later + 5, priority=90),
        samples.job(3, due=later, priority=10),
        samples.job(4, due=later - 5, type="other"),
        samples.job(5, due=None),
    )

    with storage.transaction() as transaction:
        assert transaction.next_job_due("t") == later
        assert transaction.next_job_due("nobody") is None


def test_due_timers_come_in_the_order_of_their_times(storage: Storage) -> None:
    now = samples.save(storage)
    dues = {1: 30, 2: 10, 3: 10, 4: now + 3_600_000, 5: 20}
    samples.save(storage, *[samples.timer(key, due) for key, due in dues.items()])

    with storage.transaction() as transaction:
        assert transaction.due_timers(10) == [2, 3, 5, 1]
        assert transaction.due_timers(2) == [2, 3]
        assert transaction.next_timer_due() == 10


def test_a_timer_is_due_at_its_time_and_not_before(storage: Storage) -> None:
    with storage.transaction() as transaction:
        now = transaction.clock.now
        samples.add(transaction, samples.timer(1, now), samples.timer(2, now + 1))

        assert transaction.due_timers(10) == [1]


def test_without_timers_none_is_next(storage: Storage) -> None:
    with storage.transaction() as transaction:
        assert transaction.next_timer_due() is None


def test_commands_come_oldest_first(storage: Storage) -> None:
    rows = [samples.plain("command", key, payload=bytes([key])) for key in (3, 1, 2)]
    samples.save(storage, *rows)

    with storage.transaction() as transaction:
        assert [row.key for row in transaction.commands(2)] == [1, 2]
        assert transaction.commands(10) == sorted(rows, key=lambda row: row.key)


def test_commands_and_timers_may_be_left_out(storage: Storage) -> None:
    samples.save(storage, *[samples.plain("command", key) for key in (1, 2, 3)])
    for key in (4, 5, 6):
        samples.save(storage, samples.timer(key, due=1))

    with storage.transaction() as transaction:
        assert [row.key for row in transaction.commands(2, {1, 99})] == [2, 3]
        assert transaction.due_timers(2, {4, 99}) == [5, 6]


@pytest.mark.parametrize(
    ("table", "index", "value"),
    [
        ("message", "message", ("t", "m", "k")),
        ("message_subscription", "message", ("t", "m", "k")),
        ("process_instance", "start", ("t", "p", "k")),
        ("process_instance", "idempotency", ("t", "p", "k")),
        ("definition", "versions", ("t", "p")),
    ],
)
def test_a_transaction_that_has_handed_jobs_out_looks_up_nothing_that_locks(
    storage: Storage, table: str, index: str, value: Any
) -> None:
    with storage.transaction() as transaction:
        transaction.activatable(Unit(), "t", 1)
        with pytest.raises(OutOfOrder, match=f"{table} by {index}"):
            samples.find(transaction, table, index, value)


def test_a_transaction_that_has_handed_jobs_out_loads_no_job_and_locks_no_root(storage: Storage) -> None:
    samples.save(storage, samples.job(1), samples.plain("process_instance", 2))
    with storage.transaction() as transaction:
        transaction.activatable(Unit(), "t", 1)
        with pytest.raises(OutOfOrder, match="job by key"):
            samples.load(transaction, "job", 1)
        with pytest.raises(OutOfOrder, match="roots are locked"):
            transaction.lock([("process_instance", 2)])
        # What nobody waits for may still be read
        assert samples.load(transaction, "process_instance", 2).get(2) is not None


def test_the_sweep_removes_expired_messages_with_their_correlations_oldest_first(storage: Storage) -> None:
    now = samples.save(storage)
    expiring = {1: 30, 2: 10, 3: 20, 4: now + 3_600_000}
    messages: list[Record] = [samples.plain("message", key, expires_at=at) for key, at in expiring.items()]
    samples.save(storage, *messages, *[samples.plain("correlation", key) for key in expiring])

    with storage.transaction() as transaction:
        assert transaction.sweep_messages(2) == 2
        transaction.commit()
    assert _left(storage) == ([1, 4], [1, 4])

    with storage.transaction() as transaction:
        assert transaction.sweep_messages(100) == 1
        transaction.commit()
    assert _left(storage) == ([4], [4])


def _left(storage: Storage) -> tuple[list[int], list[int]]:
    messages = samples.stored(storage, "message", 1, 2, 3, 4)
    correlations = samples.stored(storage, "correlation", *[(key, "seven") for key in (1, 2, 3, 4)])
    return (
        [message.key for message in messages if message],
        [correlation.message_key for correlation in correlations if correlation],
    )
