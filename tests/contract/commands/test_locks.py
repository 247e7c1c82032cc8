"""The lock port: one holder at a time, leases that end, fencing numbers that grow."""

from __future__ import annotations

import os
import threading
import time
from datetime import timedelta

import msgspec
import pytest

from procession.errors import CommandLocked, InvalidInput, LockLost, NotFound, NotReady
from procession.operations.commands import held_lock

from .places import Place, losing

KEY = "get-orders"
LEASE = timedelta(minutes=1)


def test_only_one_has_the_lock(place: Place) -> None:
    # Given a holder
    lock = place.open().lock(KEY)
    # When another wants the lock
    with lock, pytest.raises(CommandLocked, match=r"get-orders is locked by process \d+ on ") as refused:
        place.open().lock(KEY).__enter__()
    # Then it is told which lock and what to do
    assert refused.value.lock_key == KEY
    assert "procession commands unlock get-orders" in str(refused.value)


def test_other_keys_are_free(place: Place) -> None:
    commands = place.open()

    with commands.lock("import-invoices-service1"), commands.lock("import-invoices-service2"):
        pass


def test_a_lock_given_back_can_be_had_under_a_greater_number(place: Place) -> None:
    with place.open().lock(KEY) as first:
        pass
    with place.open().lock(KEY) as second:
        pass

    assert second.fencing_number > first.fencing_number


def test_an_unknown_key_is_refused_with_those_there_are(place: Place) -> None:
    with pytest.raises(NotFound, match="'get-ordres'; known are get-orders, import-invoices-service1, "):
        place.open().lock("get-ordres")


def test_a_lease_must_last(place: Place) -> None:
    with pytest.raises(InvalidInput, match="longer than 0"):
        place.open().lock(KEY, lease=timedelta(0))


def test_a_channel_of_the_process_manager_has_its_lock_without_being_registered(place: Place) -> None:
    with place.open().lock("process-manager-orders"), place.open().lock("process-manager"):
        pass

    labels = {one.key: one.label for one in place.open().status()}
    assert labels["process-manager-orders"] == "Process Manager (orders)"


def test_an_outdated_lock_is_taken_over_and_its_holder_refused(place: Place) -> None:
    # Given a holder that does not renew its lease in time
    with losing(place.open().lock(KEY)) as late:
        place.jump(2 * LEASE)
        # When somebody takes the lock over
        with place.open().lock(KEY) as next_:
            # Then the number is greater, and the old one is refused
            assert next_.fencing_number > late.fencing_number
            with pytest.raises(LockLost, match="stop this run and write nothing more") as lost:
                late.check()
            assert lost.value.fencing_number == late.fencing_number
            assert late.should_stop()
            assert not next_.should_stop()


def test_a_lease_that_ended_may_be_renewed_while_nobody_took_it_over(place: Place) -> None:
    with place.open().lock(KEY) as late:
        place.jump(2 * LEASE)
        late.check()

        with pytest.raises(CommandLocked):
            place.open().lock(KEY).__enter__()


def test_a_lease_is_renewed_while_its_holder_works(place: Place) -> None:
    def expires() -> int:
        (record,) = (record for record in store.overview().records if record.key == KEY)
        assert record.holder is not None
        return record.holder.expires_at

    store = place.store()
    with place.open(lease=timedelta(seconds=10)).lock(KEY, lease=timedelta(seconds=1)):
        first = expires()
        while expires() == first:
            time.sleep(0.02)


def test_a_run_that_fails_gives_the_lock_back(place: Place) -> None:
    with pytest.raises(ValueError, match="no"), place.open().lock(KEY):
        raise ValueError("no")

    with place.open().lock(KEY):
        pass


async def test_the_lock_is_there_for_async_code(place: Place) -> None:
    async with place.open().lock(KEY) as lock:
        await lock.acheck()
        with pytest.raises(CommandLocked):
            await place.open().lock(KEY).__aenter__()

    async with place.open().lock(KEY):
        pass


def test_unlocking_frees_the_lock_and_tells_the_holder(place: Place) -> None:
    with losing(place.open().lock(KEY)) as lock:
        freed = place.open().unlock(KEY, actor="anna", reason="host lost")
        assert list(freed) == [KEY]
        with pytest.raises(LockLost, match="it was freed"):
            lock.check()

    with place.open().lock(KEY) as next_:
        assert next_.fencing_number > lock.fencing_number


def test_all_locks_can_be_freed_at_once(place: Place) -> None:
    with losing(place.open().lock(KEY)), losing(place.open().lock("import-invoices-service1")):
        assert sorted(place.open().unlock()) == [KEY, "import-invoices-service1"]


def test_what_is_changed_by_many_at_once_is_changed_in_turn(place: Place) -> None:
    # Given threads that each have a store of their own
    def add() -> None:
        store = place.store()
        for _ in range(10):
            with store.changing(KEY) as draft:
                draft.record = msgspec.structs.replace(
                    draft.record, fence=max(draft.record.fence + 1, draft.floor), duration=added(draft.record)
                )

    def added(record: msgspec.Struct) -> int:
        return (getattr(record, "duration", None) or 0) + 1

    with place.open().lock(KEY):
        pass
    with place.store().changing(KEY) as draft:
        draft.record = msgspec.structs.replace(draft.record, duration=0)
    # When all of them change a record
    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # Then no change is lost
    with place.store().changing(KEY) as draft:
        assert draft.record.duration == 40


def test_nothing_is_stored_of_a_change_that_fails(place: Place) -> None:
    store = place.store()

    def change() -> None:
        with store.changing(KEY) as draft:
            draft.record = msgspec.structs.replace(
                draft.record, fence=draft.floor + 7, error="no", error_at=1 // 0
            )

    with pytest.raises(ZeroDivisionError):
        change()

    with store.changing(KEY) as draft:
        assert (draft.record.fence, draft.record.error) == (0, None)


def test_a_fork_has_no_part_in_the_lock(place: Place) -> None:
    with place.open().lock(KEY) as lock:
        # When a process that was forked in the block leaves it with an error
        pid = os.fork()
        if pid == 0:
            stops = lock.should_stop()
            place.open().lock(KEY)._give_back(lock, ValueError("not ours"))
            os._exit(0 if stops else 1)
        _, code = os.waitpid(pid, 0)
        # Then it was told to stop, and the lock is its parent's as before
        assert code == 0
        lock.check()
        with pytest.raises(CommandLocked):
            place.open().lock(KEY).__enter__()


def test_a_block_may_be_left_in_another_thread(place: Place) -> None:
    block = place.open().lock(KEY)
    block.__enter__()
    thread = threading.Thread(target=block.__exit__, args=(None, None, None))
    thread.start()
    thread.join()

    with pytest.raises(NotReady, match="no command runs here"):
        held_lock()
    with place.open().lock(KEY):
        pass
