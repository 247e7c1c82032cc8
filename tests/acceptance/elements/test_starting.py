"""Starting instances: versions, idempotency keys, and the caller's own transaction."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import sqlalchemy as sa

from procession import Job, NotFound, Procession
from procession.testing import ProcessTester
from tests.building import bpmn, catch, end, job, message, on_message, start

ONE_TASK = bpmn(start() + job("t") + end(), "s>t t>e")


class TestIdempotency:
    def test_a_repeated_start_answers_the_first_instance(self, process: ProcessTester) -> None:
        process.deploy(ONE_TASK)
        first = process.start("p", {"n": 1}, idempotency_key="shop/1")
        again = process.start("p", {"n": 2}, idempotency_key="shop/1")
        assert (first.created, again.created) == (True, False)
        assert first.key == again.key
        assert process.variables == {"n": 1}

    def test_also_after_it_has_ended_and_over_versions_and_restarts(self, process: ProcessTester) -> None:
        process.deploy(ONE_TASK)
        first = process.start("p", idempotency_key="shop/1")
        process.complete_job("t")
        process.deploy(ONE_TASK + b"<!-- new -->")
        process.restart()
        assert process.start("p", idempotency_key="shop/1").key == first.key

    def test_another_key_or_process_starts_another_one(self, process: ProcessTester) -> None:
        process.deploy(ONE_TASK)
        process.deploy(bpmn(start() + job("t"), "s>t", id="q"))
        started = [
            process.start("p", idempotency_key="1"),
            process.start("p", idempotency_key="2"),
            process.start("q", idempotency_key="1"),
            process.start("p"),
            process.start("p"),
        ]
        assert len({instance.key for instance in started}) == 5

    def test_many_at_once_make_one(self, process: ProcessTester) -> None:
        process.deploy(ONE_TASK)
        app = process.app
        with ThreadPoolExecutor(8) as threads:
            starts = list(threads.map(lambda n: app.start("p", {"n": n}, idempotency_key="1"), range(40)))
        assert len({instance.key for instance in starts}) == 1
        assert sum(instance.created for instance in starts) == 1


class TestVersions:
    def test_the_latest_is_started_unless_another_is_named(self, process: ProcessTester) -> None:
        process.deploy(ONE_TASK)
        process.deploy(ONE_TASK + b"<!-- two -->")
        assert process.start("p").version == 2
        assert process.start("p", version=1).version == 1

    def test_the_same_content_makes_no_new_version(self, process: ProcessTester) -> None:
        (first,) = process.deploy(ONE_TASK).definitions
        (again,) = process.deploy(ONE_TASK).definitions
        assert (first.key, first.version) == (again.key, again.version) == (first.key, 1)

    def test_going_back_to_older_content_makes_a_new_version(self, process: ProcessTester) -> None:
        for content in (ONE_TASK, ONE_TASK + b"<!-- two -->", ONE_TASK):
            (latest,) = process.deploy(content).definitions
        assert latest.version == 3

    def test_running_instances_stay_on_their_version(self, process: ProcessTester) -> None:
        process.deploy(ONE_TASK)
        old = process.start("p")
        process.deploy(bpmn(start() + job("other") + end(), "s>other other>e"))
        process.of(old).complete_job("t")
        process.of(old).assert_passed("s", "t", "e")

    def test_an_unknown_process_or_version_is_not_found(self, process: ProcessTester) -> None:
        process.deploy(ONE_TASK)
        with pytest.raises(NotFound, match="nowhere"):
            process.start("nowhere")
        with pytest.raises(NotFound, match="9"):
            process.start("p", version=9)


@pytest.fixture
def database(process: ProcessTester) -> Iterator[sa.Engine]:
    """The caller's own SQLAlchemy engine on the same file, with a table of the caller's."""
    engine = sa.create_engine(process.url)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE shop_order (id TEXT PRIMARY KEY)"))
    yield engine
    engine.dispose()


def insert(connection: sa.Connection, order: str) -> None:
    connection.execute(sa.text("INSERT INTO shop_order VALUES (:id)"), {"id": order})


def orders(database: sa.Engine) -> list[str]:
    with database.connect() as connection:
        return list(connection.execute(sa.text("SELECT id FROM shop_order")).scalars())


class TestJoinedTransactions:
    def test_a_start_happens_with_the_callers_commit(
        self, process: ProcessTester, database: sa.Engine
    ) -> None:
        process.deploy(ONE_TASK)
        # Given an order and a start in one transaction
        with database.begin() as connection:
            insert(connection, "A-1")
            instance = process.app.start("p", {"order": "A-1"}, connection=connection)
        # Then after the commit both are there, under the key that was known before
        assert orders(database) == ["A-1"]
        process.of(instance).assert_waits_at("t")
        assert process.of(instance).variables == {"order": "A-1"}

    def test_a_start_does_not_happen_when_the_caller_rolls_back(
        self, process: ProcessTester, database: sa.Engine
    ) -> None:
        process.deploy(ONE_TASK)
        with database.connect() as connection:
            insert(connection, "A-1")
            instance = process.app.start("p", connection=connection)
            connection.rollback()
        assert orders(database) == []
        assert process.app.instances() == []
        with pytest.raises(NotFound):
            process.app.instance(instance.key)

    def test_the_result_of_a_joined_start_can_be_waited_for(
        self, process: ProcessTester, database: sa.Engine
    ) -> None:
        process.deploy(bpmn(start() + end(), "s>e"))
        with database.begin() as connection:
            instance = process.app.start("p", {"n": 1}, connection=connection)
        process.of(instance).assert_completed()
        assert instance.result(timedelta(seconds=5)) == {"n": 1}

    @pytest.mark.parametrize("commits", [True, False])
    def test_a_message_is_published_with_the_callers_commit(
        self, process: ProcessTester, database: sa.Engine, commits: bool
    ) -> None:
        body = start() + catch("wait", on_message("ping")) + end()
        process.deploy(bpmn(body, "s>wait wait>e", definitions=message("ping")))
        process.start("p", {"key": "A"})
        with database.connect() as connection:
            insert(connection, "A-1")
            process.app.publish("ping", correlation_key="A", connection=connection)
            connection.commit() if commits else connection.rollback()
        if commits:
            process.assert_completed()
        else:
            process.assert_waits_at("wait")

    @pytest.mark.parametrize("commits", [True, False])
    def test_a_job_is_completed_with_the_callers_commit(
        self, process: ProcessTester, database: sa.Engine, commits: bool
    ) -> None:
        # Given a handler that completes its job on its own connection
        app = Procession("sqlite:///unused.db")
        tries: list[int] = []

        @app.task("t", timeout=timedelta(minutes=1))
        async def write(job: Job) -> None:
            tries.append(job.lease)
            with database.connect() as connection:
                insert(connection, f"A-{job.lease}")
                await job.complete({"done": True}, connection=connection)
                connection.commit() if commits else connection.rollback()

        process.handle(app)
        process.deploy(ONE_TASK)
        process.start("p")
        if commits:
            process.assert_completed()
            assert process.variables == {"done": True}
            assert orders(database) == ["A-1"]
        else:
            # Then the job is tried again when its lease has ended
            process.assert_waits_at("t")
            assert orders(database) == []
            process.advance(timedelta(seconds=61))
            assert tries == [1, 2]

    def test_a_refused_joined_start_is_not_lost_silently(
        self, process: ProcessTester, database: sa.Engine
    ) -> None:
        # Given a start of a process that does not exist
        with database.begin() as connection:
            process.app.start("nowhere", connection=connection)
        # Then it waits as an incident, and runs when it is resolved after the deployment
        process._engine.settle()
        (incident,) = process.app.incidents()
        assert "nowhere" in incident.message
        process.deploy(bpmn(start() + job("t"), "s>t", id="nowhere"))
        process.app.resolve_incident(incident.key)
        process._engine.settle()
        assert len(process.app.instances(process_id="nowhere")) == 1
