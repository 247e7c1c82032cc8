"""What only a database with several writers has to keep to: locks, lost answers, plans, faults."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from procession.engine import Reads, Unit
from procession.engine.tables import TABLES
from procession.errors import DatabaseReadOnly, InvalidInput, StorageError
from procession.storage import open_storage, searches
from procession.storage.port import Contended, Storage, Transaction
from procession.storage.postgresql import PostgreSQLStorage, address
from procession.storage.postgresql import statements as s
from procession.storage.postgresql.faults import cannot_connect
from procession.storage.postgresql.session import Session
from procession.storage.schema import column_kinds
from tests.postgres import Server, own_server

from . import samples
from .databases import Database, PostgreSQLDatabase

PATIENCE = 20.0
A = ("t", "m", "a")
B = ("t", "m", "b")
C = ("t", "m", "c")


@pytest.fixture
def database(postgres: Server) -> Iterator[Database]:
    made = PostgreSQLDatabase(postgres)
    yield made
    made.close()


@pytest.fixture
def storage(database: Database) -> PostgreSQLStorage:
    return _postgresql(database.open())


def _postgresql(storage: Storage) -> PostgreSQLStorage:
    assert isinstance(storage, PostgreSQLStorage)
    return storage


def _backend(storage: PostgreSQLStorage) -> int:
    session = storage._session
    assert session is not None
    return session._pg.backend_pid


def _kill(database: Database, storage: PostgreSQLStorage) -> None:
    assert isinstance(database, PostgreSQLDatabase)
    database.server.execute(f"SELECT pg_terminate_backend({_backend(storage)}, 5000)")


@contextmanager
def aside(action: Any) -> Iterator[list[Any]]:
    """Run something on a thread; it has to end with the context."""
    outcome: list[Any] = []

    def run() -> None:
        try:
            outcome.append(action())
        except Exception as error:
            outcome.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    yield outcome
    thread.join(PATIENCE)
    assert not thread.is_alive()


# --- locks ---------------------------------------------------------------------------------------


def test_a_root_that_another_transaction_works_in_is_not_granted(database: Database) -> None:
    one, other = database.open(), database.open()
    samples.save(one, samples.plain("process_instance", 1, root_key=1), samples.job(5, root_key=1))
    samples.save(one, samples.job(6, root_key=2))

    with one.transaction() as first, other.transaction() as second:
        assert first.lock([("process_instance", 1)]) == {("process_instance", 1)}
        assert second.lock([("job", 5), ("job", 6)]) == {("job", 6)}


def test_a_scope_may_be_a_process_instance(database: Database) -> None:
    one, other = database.open(), database.open()
    samples.save(one, samples.plain("process_instance", 1, root_key=1))
    samples.save(one, samples.plain("element_instance", 2, root_key=1))

    with one.transaction() as first, other.transaction() as second:
        assert first.lock([("element_instance", 1)]) == {("element_instance", 1)}
        assert second.lock([("element_instance", 1), ("element_instance", 2)]) == set()


def test_a_record_made_after_the_locks_were_taken_stays_unknown(database: Database) -> None:
    one, other = database.open(), database.open()
    with one.transaction() as transaction:
        assert transaction.lock([("process_instance", 1)]) == {("process_instance", 1)}
        samples.save(other, samples.plain("process_instance", 1))

        assert samples.load(transaction, "process_instance", 1).get(1) is None


def test_who_looks_a_value_up_has_it_alone(database: Database) -> None:
    one, other = database.open(), database.open()
    subscription = samples.plain("message_subscription", 1, tenant="t", name="m", correlation_key="a")

    def publish() -> list[Any]:
        with other.transaction() as transaction:
            table = samples.find(transaction, "message_subscription", "message", A)
            return table.find("message", A)

    with one.transaction() as transaction:
        samples.find(transaction, "message", "message", A)  # as who opens a subscription does
        with aside(publish) as outcome:
            time.sleep(0.3)
            assert outcome == []
            samples.add(transaction, subscription)
            transaction.commit()
    assert outcome == [[subscription]]


def test_locks_are_never_waited_for_in_a_circle(database: Database) -> None:
    one, other = database.open(), database.open()
    barrier = threading.Barrier(2)

    def both(storage: Storage, first: Any, second: Any) -> str:
        ahead: frozenset[int] = frozenset()
        for tries in range(3):
            try:
                with storage.transaction(ahead) as transaction:
                    samples.find(transaction, "message", "message", first)
                    if not tries:
                        barrier.wait()
                    samples.find(transaction, "message", "message", second)
                    return "done" if not tries else "done again"
            except Contended as contended:
                ahead |= frozenset() if contended.held else contended.keys
        return "never"

    with aside(lambda: both(one, A, B)) as ones, aside(lambda: both(other, B, A)) as others:
        pass

    assert sorted([*ones, *others]) == ["done", "done again"]


def test_a_value_that_is_held_for_long_is_said_to_be(database: Database) -> None:
    one, other = database.open(), database.open()
    with one.transaction() as first:
        samples.find(first, "message", "message", A)

        began = time.monotonic()
        with pytest.raises(Contended) as caught, other.transaction(hurry=True) as second:
            samples.find(second, "message", "message", A)
        assert caught.value.held
        assert time.monotonic() - began < 2

    samples.save(other, samples.timer(1, due=1))  # and the session goes on


def test_starts_do_not_wait_for_each_other_and_deployments_do(database: Database) -> None:
    one, other = database.open(), database.open()
    with one.transaction() as first:
        samples.find(first, "definition", "versions", ("t", "p"))
        with other.transaction(hurry=True) as second:
            samples.find(second, "definition", "process", ("t", "p"))
        with pytest.raises(Contended), other.transaction(hurry=True) as second:
            samples.find(second, "definition", "versions", ("t", "p"))


# --- jobs and commands ---------------------------------------------------------------------------


def _keys(transaction: Transaction) -> list[int]:
    return [job.key for job in transaction.activatable(Unit(), "t", 10)]


def test_a_job_is_handed_out_by_one_transaction_only(database: Database) -> None:
    one, other = database.open(), database.open()
    samples.save(one, samples.job(1), samples.job(2))

    with one.transaction() as first, other.transaction() as second:
        assert [job.key for job in first.activatable(Unit(), "t", 1)] == [1]
        assert _keys(second) == [2]


def test_a_job_whose_instance_is_being_cancelled_is_not_handed_out(database: Database) -> None:
    one, other = database.open(), database.open()
    samples.save(one, samples.job(1, root_key=1))
    with one.transaction() as first:
        first.lock([("job", 1)])
        unit = Unit()
        reads = Reads(unit, lambda key: None)
        reads.get(unit.jobs, 1)
        first.load(reads)
        job = unit.jobs.get(1)
        assert job is not None
        job.due = None

        with other.transaction() as second:
            assert _keys(second) == []  # while it is decided ...
        first.write(unit)
        first.commit()

    with other.transaction() as second:
        assert _keys(second) == []  # ... and afterwards


def test_a_completion_waits_for_who_hands_its_job_out_and_sees_the_lease(database: Database) -> None:
    one, other = database.open(), database.open()
    samples.save(one, samples.job(1, root_key=1))

    def lease_seen() -> int:
        with other.transaction() as transaction:
            transaction.lock([("job", 1)])
            job = samples.load(transaction, "job", 1).get(1)
            return int(job.lease)

    with one.transaction() as transaction:
        unit = Unit()
        [job] = transaction.activatable(unit, "t", 1)
        job.lease = 7
        with aside(lease_seen) as outcome:
            time.sleep(0.3)
            assert outcome == []
            transaction.write(unit)
            transaction.commit()
    assert outcome == [7]


def test_a_durable_command_is_taken_by_one_transaction_only(database: Database) -> None:
    one, other = database.open(), database.open()
    samples.save(one, *[samples.plain("command", key) for key in (1, 2, 3)])

    with one.transaction() as first, other.transaction() as second:
        assert [row.key for row in first.commands(2)] == [1, 2]
        assert [row.key for row in second.commands(9)] == [3]
        assert samples.load(second, "command", 1).get(1) is None
        assert samples.load(first, "command", 1).get(1) is not None


def test_due_timers_come_to_who_gets_their_roots(database: Database) -> None:
    one, other = database.open(), database.open()
    for key in (1, 2):
        samples.save(one, samples.plain("timer", key, due=1, root_key=key))

    with one.transaction() as first, other.transaction() as second:
        first.lock([("timer", 1)])
        assert second.due_timers(9) == [2]


# --- size ----------------------------------------------------------------------------------------


def test_twenty_thousand_rows_in_one_transaction(storage: Storage) -> None:
    keys = range(1, 20_001)
    samples.save(storage, *[samples.plain("variable", key, value="1" * 100) for key in keys])
    with storage.transaction() as transaction:
        unit = Unit()
        wanted = [(key, "seven") for key in keys]
        unit.variables.loaded.update(samples.load(transaction, "variable", *wanted).loaded)
        for key in wanted[:10_000]:
            variable = unit.variables.get(key)
            assert variable is not None
            variable.value = "2"
        for key in wanted[10_000:]:
            variable = unit.variables.get(key)
            assert variable is not None
            unit.variables.remove(variable)
        transaction.write(unit)
        transaction.commit()

    found = samples.stored(storage, "variable", *wanted)
    assert [v.value for v in found[:10_000]] == ["2"] * 10_000
    assert found[10_000:] == [None] * 10_000


_PARAMETERS: dict[str, list[str]] = {
    "job/take": ["'t'", "1800000000000", "10", "'{}'"],
    "job/next": ["'t'", "1800000000000"],
    "timer/take": ["1800000000000", "10", "'{}'"],
    "timer/next": [],
    "message/sweep": ["1800000000000", "10"],
    "command/take": ["10", "'{}'"],
    "signal_subscription/index/signal": ["'{t}'", "'{a}'", "'{0}'"],
}


def test_every_statement_finds_its_rows_by_an_index(database: Database, storage: PostgreSQLStorage) -> None:
    assert isinstance(database, PostgreSQLDatabase)
    dues = "SELECT n, n, 7, 7, 7, '', '', '', 't', n % 3, 7, 3, 1, 1700000000000 + n::bigint * 1000000 "
    database.server.execute(
        "INSERT INTO job (key,root_key,instance_key,element_key,definition_key,tenant,process_id,element_id,"
        f"type,priority,created_at,retries,state,due,lease,failures) {dues}, 0, 0 "
        "FROM generate_series(1,100000) n",
        database.database,
    )
    for name, plan in _plans(storage):
        found = re.findall(r"Seq Scan on (\w+)", plan)
        assert set(found) <= {"engine_state", "schema_info"}, f"{name}: {plan}"  # of one row each
        assert name != "job/take" or "ix_job_activatable" in plan
        assert name != "timer/take" or "ix_timer_due" in plan
        if name == "signal_subscription/index/signal":
            assert "ix_signal_subscription_tenant_name_key" in plan
            assert "Sort" not in plan
    began = time.perf_counter()
    with storage.transaction() as transaction:
        assert len(transaction.activatable(Unit(), "t", 100)) == 100
    assert time.perf_counter() - began < 0.5


def test_plans_made_for_a_few_rows_are_good_for_many(database: Database, storage: PostgreSQLStorage) -> None:
    """Given tables that were analyzed while they were small: no statement reads one from end to end."""
    assert isinstance(database, PostgreSQLDatabase)
    samples.save(storage, *(_distinct(name, key) for name in TABLES for key in (1, 2, 3)))
    database.server.execute("VACUUM ANALYZE", database.database)
    in_order = {"command/take", "timer/next"}  # the first ones of an index
    for name, plan in _plans(storage):
        nodes = plan.split("->")
        assert name != "signal_subscription/index/signal" or "Sort" not in plan, plan
        scans = [node for node in nodes if " using " in node and "engine_state" not in node]
        assert name in in_order or all("Index Cond" in scan for scan in scans), f"{name}: {plan}"


def _distinct(name: str, key: int) -> Any:
    """A record whose values under each index no other has."""
    fields = {field for index in TABLES[name].indexes.values() for field in index.fields}
    kinds = column_kinds(name)
    return samples.plain(name, key, **{field: kinds[field](key) for field in fields})


def _plans(storage: PostgreSQLStorage) -> Iterator[tuple[str, str]]:
    """The plan of each statement that looks something up."""
    with psycopg.connect(**storage._address.for_batches(), autocommit=True) as connection:
        for statement in s.all_statements():
            name, text = statement.name.decode(), statement.sql.decode()
            if "FROM unnest($1::bigint[]) k" in text or not _reads_a_table(statement):
                continue
            count = max((int(number) for number in re.findall(r"\$(\d+)", text)), default=0)
            given = _PARAMETERS.get(name) or ["NULL"] * count
            connection.execute(f'PREPARE "{name}" AS {text}')
            call = f"({','.join(given)})" if given else ""
            yield name, "\n".join(row[0] for row in connection.execute(f'EXPLAIN EXECUTE "{name}"{call}'))


def _reads_a_table(statement: s.Statement) -> bool:
    sql = statement.sql.decode()
    return " FROM " in sql and not sql.startswith("INSERT")


# --- commits whose answer is lost ----------------------------------------------------------------


def test_a_commit_whose_answer_was_lost_is_found_to_have_happened(
    storage: PostgreSQLStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    _lose_answers(monkeypatch, after=True)

    samples.save(storage, samples.timer(1, due=1))

    assert samples.stored(storage, "timer", 1) == [samples.timer(1, due=1)]


def test_a_commit_that_never_arrived_is_found_not_to_have_happened(
    storage: PostgreSQLStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    _lose_answers(monkeypatch, after=False)

    with pytest.raises(StorageError, match="connection was lost"):
        samples.save(storage, samples.timer(1, due=1))

    assert samples.stored(storage, "timer", 1) == [None]


def _lose_answers(monkeypatch: pytest.MonkeyPatch, *, after: bool) -> None:
    """The connection dies once: right after the server has carried out a COMMIT, or before it gets it."""
    sync = Session.sync

    def dying(session: Session) -> None:
        commits = any(what is s.COMMIT for what, _, _ in session._asked)
        if commits:
            monkeypatch.setattr(Session, "sync", sync)
            if after:
                sync(session)
            session._connection.close()
            session.lost = True
            raise psycopg.OperationalError("gone")
        sync(session)

    monkeypatch.setattr(Session, "sync", dying)


def test_a_commit_before_a_restart_that_left_no_record_is_not_said_to_have_failed(
    storage: PostgreSQLStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a server that is another one when the connection is made again
    connected = storage._connected

    def later() -> Session:
        session = connected()
        storage._started_at = "later"
        return session

    monkeypatch.setattr(storage, "_connected", later)
    # When a commit whose answer was lost made a record that stays, that is found
    _lose_answers(monkeypatch, after=True)
    samples.save(storage, samples.plain("process_instance", 1))
    # And when it did not, nobody claims to know
    storage._started_at = "before"
    _lose_answers(monkeypatch, after=True)
    with pytest.raises(StorageError, match="cannot be found out"):
        samples.save(storage, samples.timer(1, due=1))
    assert samples.stored(storage, "timer", 1) == [samples.timer(1, due=1)]


def test_the_time_of_a_root_does_not_run_backwards(storage: PostgreSQLStorage) -> None:
    # Given a transaction that has looked for work, and then stands still
    samples.save(storage, samples.timer(1, due=1))
    with storage.transaction() as slow:
        slow.commands(10)
        began = slow.clock.now
        # while another one works in a root
        time.sleep(0.005)
        with storage.transaction() as other:
            other.lock({("timer", 1)})
            worked = other.clock.now
            other.commit()
        assert worked > began
        # When the first gets the same root
        assert slow.lock({("timer", 1)}) == {("timer", 1)}
        # Then it works at a later time
        assert slow.clock.now >= worked


def test_a_number_that_was_given_out_again_after_a_crash_is_not_taken_for_ours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with own_server() as server:
        url = server.url("postgres")
        one, other = _postgresql(open_storage(url)), _postgresql(open_storage(url))
        samples.save(one, samples.plain("message", 1))

        # Given a server one of whose sessions crashes just before it gets a COMMIT
        def crashing(session: Session) -> None:
            if not any(what is s.COMMIT for what, _, _ in session._asked):
                return sync(session)
            monkeypatch.setattr(Session, "sync", sync)
            server.crash(0)
            session.lost = True
            _again(lambda: server.execute("SELECT"), psycopg.OperationalError)
            # and another node whose transactions get the same numbers, and are committed
            for key in range(100, 110):
                _again(lambda key=key: samples.save(other, samples.plain("message", key)), StorageError)  # type: ignore[misc]
            raise psycopg.OperationalError("gone")

        sync = Session.sync
        monkeypatch.setattr(Session, "sync", crashing)
        # When the first asks what became of its transaction
        # Then it does not take the other's commit for its own
        with pytest.raises(StorageError, match="connection was lost"):
            samples.save(one, samples.plain("message", 2))
        assert samples.stored(one, "message", 2) == [None]
        one.close()
        other.close()


def _again(call: Callable[[], object], error: type[Exception]) -> None:
    """Call until it does not fail in this way."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            call()
            return
        except error:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def test_a_storage_that_is_left_does_not_wait_for_a_server_that_is_away(
    postgres: Server, database: Database, storage: PostgreSQLStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> Session:
        raise StorageError("away")

    _lose_answers(monkeypatch, after=True)
    monkeypatch.setattr(storage, "_connected", fail)

    with aside(lambda: samples.save(storage, samples.timer(1, due=1))) as outcome:
        time.sleep(0.2)
        assert outcome == []
        storage.leave()
    assert isinstance(outcome[0], StorageError)


def test_a_session_that_was_ended_by_the_server_is_made_anew(
    database: Database, storage: PostgreSQLStorage
) -> None:
    samples.save(storage, samples.timer(1, due=1))
    _kill(database, storage)

    with pytest.raises(StorageError, match="connection was lost"):
        samples.save(storage, samples.timer(2, due=1))

    assert samples.stored(storage, "timer", 1, 2) == [samples.timer(1, due=1), None]


def test_a_transaction_that_is_held_up_is_undone(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(address._OPTIONS, "idle_in_transaction_session_timeout", "100ms")
    one, other = database.open(), database.open()

    def hold_and_write() -> None:
        with one.transaction() as transaction:
            samples.find(transaction, "message", "message", A)
            time.sleep(0.5)
            with other.transaction(hurry=True) as second:
                samples.find(second, "message", "message", A)
            samples.add(transaction, samples.timer(1, due=1))
            transaction.commit()

    with pytest.raises(StorageError, match=r"held up for too long|connection was lost"):
        hold_and_write()

    assert samples.stored(one, "timer", 1) == [None]


# --- changes -------------------------------------------------------------------------------------


def test_nobody_hears_of_looks_that_changed_nothing(database: Database) -> None:
    one, other = database.open(), database.open()
    one.changed()
    with other.transaction() as transaction:
        transaction.commands(10)
        transaction.due_timers(10)
        transaction.activatable(Unit(), "t", 10)

    assert not one.changed()


# --- faults --------------------------------------------------------------------------------------


def test_a_database_that_does_not_exist_is_named(postgres: Server) -> None:
    with pytest.raises(StorageError, match="there is no such database or user"):
        open_storage(postgres.url("nowhere"))


def test_a_server_that_is_not_there_is_named_without_its_password() -> None:
    with pytest.raises(StorageError, match="cannot be reached") as caught:
        open_storage("postgresql://me:s3cret@127.0.0.1:1/orders")
    assert "s3cret" not in str(caught.value)
    assert "postgresql://me@127.0.0.1:1/orders" in str(caught.value)


@pytest.mark.parametrize(
    "text", ["starting up", "shutting down", "in recovery mode", "not yet accepting connections"]
)
def test_a_server_that_is_about_to_serve_again_is_waited_for(text: str) -> None:
    error = psycopg.OperationalError(f"connection failed: FATAL:  the database system is {text}")
    assert "not ready; wait until it has started" in cannot_connect("db", error).message


def test_a_url_without_a_database_is_refused_without_its_password() -> None:
    with pytest.raises(InvalidInput, match="names no database") as caught:
        open_storage("postgresql://me:s3cret@127.0.0.1")
    assert "s3cret" not in str(caught.value)


def test_a_database_that_may_only_be_read_is_refused(database: Database, postgres: Server) -> None:
    assert isinstance(database, PostgreSQLDatabase)
    postgres.execute(f"ALTER DATABASE {database.database} SET default_transaction_read_only=on")

    with pytest.raises(DatabaseReadOnly, match="primary"):
        database.open()


def test_a_user_without_rights_is_told(database: Database, postgres: Server) -> None:
    assert isinstance(database, PostgreSQLDatabase)
    name = f"guest_{database.database}"
    postgres.execute(f"CREATE ROLE {name} LOGIN")
    url = database.url.replace("procession@", f"{name}@")

    with pytest.raises(StorageError, match="permission is denied"):
        open_storage(url)


def test_another_programs_database_is_refused_by_searches(empty_postgresql_url: str) -> None:
    with pytest.raises(StorageError, match="no tables of Procession"):
        searches.open_reader(empty_postgresql_url)


def test_searches_may_not_write(database: Database) -> None:
    engine = searches.open_reader(database.url)
    with engine.connect() as connection, pytest.raises(Exception, match="read-only"):
        connection.exec_driver_sql("DELETE FROM job")
    engine.dispose()


def test_nodes_may_create_the_tables_at_once(empty_postgresql_url: str) -> None:
    barrier = threading.Barrier(3)

    def create() -> Storage:
        barrier.wait()
        return open_storage(empty_postgresql_url)

    with aside(create) as one, aside(create) as two, aside(create) as three:
        pass
    for storage in (*one, *two, *three):
        assert isinstance(storage, PostgreSQLStorage), storage
        samples.save(storage)
        storage.close()
