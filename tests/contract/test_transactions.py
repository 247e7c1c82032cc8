"""All or nothing, one after the other, and in their own time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from procession.engine import Target, Unit
from procession.storage.port import Storage
from procession.storage.schema import tables

from . import samples
from .databases import Database


class Stopped(Exception):
    """Ends a transaction of a test."""


def test_without_commit_nothing_has_happened(storage: Storage) -> None:
    with storage.transaction() as transaction:
        samples.add(transaction, samples.plain("item", 1), samples.plain("variable", 1))

    assert samples.stored(storage, "item", (7, 1)) == [None]
    assert samples.stored(storage, "variable", (1, "seven")) == [None]


def test_an_error_inside_a_transaction_undoes_it_and_passes(storage: Storage) -> None:
    def write_and_stop() -> None:
        with storage.transaction() as transaction:
            samples.add(transaction, samples.plain("variable", 1))
            raise Stopped

    with pytest.raises(Stopped):
        write_and_stop()

    assert samples.stored(storage, "variable", (1, "seven")) == [None]


def test_a_broken_constraint_undoes_the_whole_transaction(database: Database, storage: Storage) -> None:
    samples.save(storage, samples.plain("variable", 1, value="1"))

    with pytest.raises(database.integrity_error):
        samples.save(storage, samples.timer(5, due=1), samples.plain("variable", 1, value="2"))

    assert samples.stored(storage, "timer", 5) == [None]
    assert samples.stored(storage, "variable", (1, "seven")) == [samples.plain("variable", 1, value="1")]


def test_two_running_instances_cannot_have_one_start_key(database: Database, storage: Storage) -> None:
    samples.save(storage, samples.plain("process_instance", 1, start_key="k", ended_at=3))
    samples.save(storage, samples.plain("process_instance", 2, start_key="k"))

    with pytest.raises(database.integrity_error):
        samples.save(storage, samples.plain("process_instance", 3, start_key="k"))


def test_two_instances_cannot_have_one_idempotency_key(database: Database, storage: Storage) -> None:
    samples.save(storage, samples.plain("process_instance", 1, idempotency_key="k", ended_at=3))

    with pytest.raises(database.integrity_error):
        samples.save(storage, samples.plain("process_instance", 2, idempotency_key="k"))


def test_a_reader_sees_what_is_committed_and_nothing_else(storage: Storage) -> None:
    count = sa.select(sa.func.count()).select_from(tables["timer"])
    with storage.transaction() as transaction:
        samples.add(transaction, samples.timer(1, due=1))

        with storage.reader().connect() as reader:
            assert reader.execute(count).scalar() == 0
        transaction.commit()

    with storage.reader().connect() as reader:
        assert reader.execute(count).scalar() == 1


def test_changes_of_several_nodes_to_one_root_are_all_kept(database: Database) -> None:
    samples.save(database.open(), samples.plain("process_instance", 1, root_key=1, active=0))

    def add_ten(storage: Storage) -> None:
        done = 0
        while done < 10:
            done += _count_up(storage)

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(add_ten, [database.open() for _ in range(3)]))

    [instance] = samples.stored(database.open(), "process_instance", 1)
    assert instance.active == 30


_ROOT: Target = ("process_instance", 1)


def _count_up(storage: Storage) -> bool:
    with storage.transaction() as transaction:
        if transaction.lock([_ROOT]) != {_ROOT}:
            return False
        unit = Unit()
        unit.instances.loaded.update(samples.load(transaction, "process_instance", 1).loaded)
        instance = unit.instances.get(1)
        assert instance is not None
        instance.active += 1
        transaction.write(unit)
        transaction.commit()
    return True


def test_what_does_not_exist_needs_no_lock(storage: Storage) -> None:
    with storage.transaction() as transaction:
        assert transaction.lock([_ROOT, ("job", 404)]) == {_ROOT, ("job", 404)}


def test_the_locks_of_one_transaction_are_free_for_the_next(database: Database) -> None:
    one, other = database.open(), database.open()
    samples.save(one, samples.plain("process_instance", 1, root_key=1))
    for storage in (one, other, one):
        with storage.transaction() as transaction:
            assert transaction.lock([_ROOT]) == {_ROOT}


def test_a_storage_hears_of_the_commits_of_others_but_not_of_its_own(database: Database) -> None:
    one, other = database.open(), database.open()
    one.changed()

    samples.save(one, samples.timer(1, due=1))
    assert not one.changed()
    samples.save(other, samples.timer(2, due=1))
    assert one.changed()
    assert not one.changed()


def test_blocks_of_keys_never_overlap(database: Database) -> None:
    storages = [database.open() for _ in range(3)]
    barrier = threading.Barrier(len(storages))

    def reserve(storage: Storage) -> list[range]:
        barrier.wait()
        return [storage.reserve_keys(count) for count in (1, 100, 7, 1)]

    with ThreadPoolExecutor(len(storages)) as pool:
        blocks = [block for taken in pool.map(reserve, storages) for block in taken]

    keys = [key for block in blocks for key in block]
    assert len(set(keys)) == len(keys) == 3 * 109
    assert min(keys) >= 2_251_799_813_685_249
    assert max(keys) < 2**53


def test_keys_are_used_up_even_if_nothing_is_committed_with_them(database: Database) -> None:
    first = database.open().reserve_keys(10)

    second = database.open().reserve_keys(10)

    assert second.start >= first.stop


def test_closing_twice_is_closing_once(database: Database) -> None:
    storage = database.open()
    samples.save(storage, samples.timer(1, due=1))
    storage.reader()

    storage.close()
    storage.close()

    assert samples.stored(database.open(), "timer", 1) == [samples.timer(1, due=1)]


def test_a_storage_that_was_never_opened_can_be_closed(database: Database) -> None:
    database.connect().close()


Host = Callable[[int], None]


@pytest.fixture
def host_time(database: Database, monkeypatch: pytest.MonkeyPatch) -> Host:
    """Sets the clock of the machine (epoch milliseconds), for databases that have none of their own."""
    if not database.one_writer:
        pytest.skip("the server has a clock of its own")
    return lambda milliseconds: monkeypatch.setattr("time.time_ns", lambda: milliseconds * 1_000_000)


NOON = 4_000_000_000_000


def _now(storage: Storage) -> int:
    """The time of a transaction that changes something."""
    [key] = storage.reserve_keys(1)
    return samples.save(storage, samples.timer(key, due=1))


def test_time_never_runs_backwards_when_the_hosts_clock_does(database: Database, host_time: Host) -> None:
    one, other = database.open(), database.open()
    times = []
    for milliseconds in (NOON, NOON + 5, NOON - 60_000, NOON + 3, NOON + 9):
        host_time(milliseconds)
        times += [_now(one), _now(other)]

    assert times == sorted(times)
    assert times[0] == NOON
    assert times[-1] == NOON + 9


def test_time_that_was_never_committed_is_forgotten(storage: Storage, host_time: Host) -> None:
    host_time(NOON + 1_000)
    with storage.transaction() as transaction:
        assert transaction.clock.now == NOON + 1_000

    host_time(NOON)

    assert _now(storage) == NOON


def test_moving_the_clock_moves_it_for_every_node(database: Database, host_time: Host) -> None:
    host_time(NOON)
    one, other = database.open(), database.open()

    one.move_clock(3_600_000)
    other.move_clock(1)

    assert _now(one) == _now(other) == _now(database.open()) == NOON + 3_600_001


def test_a_moved_clock_goes_on_from_there(database: Database) -> None:
    one, other = database.open(), database.open()
    before = _now(one)

    one.move_clock(3_600_000)

    for storage in (one, other, database.open()):
        assert 3_600_000 <= _now(storage) - before < 3_660_000


def test_times_without_a_zone_are_in_the_zone_of_the_database(storage: Storage) -> None:
    with storage.transaction() as transaction:
        assert transaction.clock.zone.key == "UTC"
