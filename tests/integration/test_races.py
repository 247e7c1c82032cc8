"""Races between two nodes on one database: each pair of commands meets a few hundred times.

Two apps in one process have their own threads, connections and locks, as two processes would.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from procession import Job, NotFound, Procession, WrongState
from procession.broker import prepare
from procession.engine import commands as c
from procession.engine.records import InstanceState, JobState
from tests.building import bpmn, catch, end, job, message, on_message, on_signal, signal, start

from .models import ALL

RACES = 300
TOGETHER = 20
"""Races that run at once, so that commands share batches in ever different ways."""
TTL = timedelta(hours=1)
PATIENCE = 30.0


@pytest.fixture(params=["postgresql", "sqlite"])
def url(request: pytest.FixtureRequest, database: Path) -> str:
    """Each race runs on each kind of database."""
    if request.param == "sqlite":
        return f"sqlite:///{database}"
    made: str = request.getfixturevalue("postgresql_url")
    return made


Ask = Callable[[str], list[tuple[int, ...]]]


@pytest.fixture
def rows(url: str) -> Iterator[Ask]:
    """Asks the database behind the nodes' backs."""
    engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))

    def ask(statement: str) -> list[tuple[int, ...]]:
        with engine.connect() as connection:
            return [tuple(row) for row in connection.exec_driver_sql(statement)]

    yield ask
    engine.dispose()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - the database is what changes, and it has no event
            await asyncio.sleep(0.02)


async def race(run: Callable[[int], Awaitable[None]], count: int = RACES) -> None:
    for first in range(0, count, TOGETHER):
        await asyncio.gather(*(run(number) for number in range(first, first + TOGETHER)))


@pytest.fixture
async def nodes(url: str) -> AsyncIterator[tuple[Procession, Procession]]:
    """Two nodes without workers."""
    async with Procession(url) as one, Procession(url) as two:
        await one.deploy_files(ALL)
        yield one, two


async def test_publish_against_subscribe(nodes: tuple[Procession, Procession], rows: Ask) -> None:
    # Given an instance that begins to wait on one node, while its message is published on the other
    one, two = nodes

    async def run(number: int) -> None:
        ref = f"r{number}"
        await asyncio.gather(
            one.start("waits", {"ref": ref}),
            two.publish("paid", correlation_key=ref, ttl=TTL, message_id=ref),
        )

    # When that happens again and again
    await race(run)
    await until(lambda: rows("SELECT count(*) FROM process_instance WHERE state<>3") == [(0,)])
    # Then every message reached its instance, once
    assert rows("SELECT count(*), count(DISTINCT message_key) FROM correlation") == [(RACES, RACES)]
    assert rows("SELECT count(*) FROM element_instance WHERE element_id='wait'") == [(RACES,)]
    assert rows("SELECT count(*) FROM message_subscription") == [(0,)]


async def test_a_start_right_behind_a_deployment_of_its_process(nodes: tuple[Procession, Procession]) -> None:
    # Given a deployment and a start that reach a node together, so that one batch could take both
    one, _ = nodes
    for version in range(1, 20):
        model = bpmn(start() + end(f"e{version}"), f"s>e{version}", id="fresh")
        deployment, _ = prepare({"fresh.bpmn": model})
        deployed, started = one._send(deployment), one._send(c.StartInstance("fresh"))
        # Then the start finds what was deployed
        await deployed
        assert (await started).version == version


async def test_two_publications_of_one_message_against_one_subscription(
    nodes: tuple[Procession, Procession], rows: Ask
) -> None:
    # Given an instance that waits, and two messages without a life of their own at the same moment
    one, two = nodes

    async def run(number: int) -> None:
        ref = f"r{number}"
        await one.start("waits", {"ref": ref})
        await asyncio.gather(
            one.publish("paid", correlation_key=ref, variables={"by": "one"}),
            two.publish("paid", correlation_key=ref, variables={"by": "two"}),
        )

    # When that happens again and again
    await race(run)
    await until(lambda: rows("SELECT count(*) FROM process_instance WHERE state<>3") == [(0,)])
    # Then exactly one of the two came through each time
    assert rows("SELECT count(*) FROM variable WHERE name='by'") == [(RACES,)]
    assert rows("SELECT count(*) FROM variable_change WHERE name='by'") == [(0,)]
    await until(lambda: rows("SELECT count(*) FROM command") == [(0,)])


async def test_of_many_correlations_of_one_subscription_one_is_taken(
    nodes: tuple[Procession, Procession], rows: Ask
) -> None:
    # Given an instance that waits, and many who tell it, on both nodes
    answers: Counter[bool] = Counter()

    async def correlate(node: Procession, ref: str, by: int) -> bool:
        try:
            return bool(await node.correlate("paid", correlation_key=ref, variables={"by": by}))
        except NotFound:
            return False

    async def run(number: int) -> None:
        ref = f"r{number}"
        await nodes[number % 2].start("waits", {"ref": ref})
        told = await asyncio.gather(*(correlate(nodes[by % 2], ref, by) for by in range(6)))
        assert told.count(True) == 1
        answers.update(told)

    # When that happens again and again
    await race(run)
    await until(lambda: rows("SELECT count(*) FROM process_instance WHERE state<>3") == [(0,)])
    # Then each instance was told once, the others were told that nobody waits, and nothing is left
    assert answers == {True: RACES, False: 5 * RACES}
    assert rows("SELECT count(*) FROM variable WHERE name='by'") == [(RACES,)]
    assert rows("SELECT count(*) FROM variable_change WHERE name='by'") == [(0,)]
    assert rows("SELECT count(*) FROM message") == [(0,)]
    await until(lambda: rows("SELECT count(*) FROM command") == [(0,)])


async def test_a_correlation_against_the_cancel_of_who_waits(
    nodes: tuple[Procession, Procession], rows: Ask
) -> None:
    # Given an instance that waits, is told on one node, and cancelled on the other
    one, two = nodes
    refused: list[int] = []

    async def correlate(ref: str, number: int) -> None:
        try:
            await one.correlate("paid", correlation_key=ref)
        except NotFound:
            refused.append(number)

    async def run(number: int) -> None:
        ref = f"r{number}"
        started = await one.start("waits", {"ref": ref})
        await asyncio.gather(correlate(ref, number), _accepted(two.cancel(started.key)))

    # When that happens again and again
    await race(run)
    # Then every instance has ended, one way or the other, and nothing is left
    await until(lambda: rows("SELECT count(*) FROM process_instance WHERE ended_at IS NULL") == [(0,)])
    await until(lambda: rows("SELECT count(*) FROM command") == [(0,)])
    assert rows("SELECT count(*) FROM message") == [(0,)]
    assert rows("SELECT count(*) FROM message_subscription") == [(0,)]
    cancelled = rows(f"SELECT count(*) FROM process_instance WHERE state={InstanceState.TERMINATED}")
    assert len(refused) <= cancelled[0][0]


async def test_messages_that_follow_each_other_closely_arrive_in_their_order(
    nodes: tuple[Procession, Procession], rows: Ask
) -> None:
    # Given an instance that takes five messages, one after the other, published on both nodes in turn
    one, two = nodes

    async def run(number: int) -> None:
        ref = f"r{number}"
        await one.start("collects_five", {"ref": ref, "seen": []})
        for n in range(5):
            await (one, two)[n % 2].publish("paid", correlation_key=ref, ttl=TTL, variables={"n": n})

    # When that happens again and again
    await race(run)
    await until(lambda: rows("SELECT count(*) FROM process_instance WHERE state<>3") == [(0,)])
    # Then each got them in the order in which they were published
    assert rows("SELECT count(*) FROM variable WHERE name='seen' AND value='[0,1,2,3,4]'") == [(RACES,)]
    assert rows("SELECT count(*) FROM delivery") == [(0,)]


@pytest.mark.parametrize("process_id", ["one_job", "job_then_message"])
async def test_complete_against_cancel(
    process_id: str, nodes: tuple[Procession, Procession], rows: Ask
) -> None:
    # Given a job that is completed on one node while its instance is cancelled on the other
    one, two = nodes
    answers: dict[int, tuple[bool, bool]] = {}

    async def run(number: int) -> None:
        instance = await one.start(process_id, {"ref": f"r{number}"})
        ((job,),) = rows(f"SELECT key FROM job WHERE instance_key={instance.key}")
        completed, cancelled = await asyncio.gather(
            _accepted(one.complete_job(job)), _accepted(two.cancel(instance.key))
        )
        answers[instance.key] = completed, cancelled

    # When that happens again and again
    await race(run)
    # Then what was acknowledged is what happened, and at least one of the two was
    found = rows("SELECT i.key, i.state, j.state FROM process_instance i JOIN job j ON j.root_key=i.key")
    assert len(found) == RACES
    for key, instance_state, job_state in found:
        completed, cancelled = answers[key]
        assert completed or cancelled
        assert completed == (job_state == JobState.COMPLETED)
        assert cancelled == (instance_state == InstanceState.TERMINATED)
        assert process_id == "job_then_message" or completed != cancelled
    assert rows("SELECT count(*) FROM element_instance WHERE ended_at IS NULL") == [(0,)] or (
        process_id == "job_then_message"
    )


async def _accepted(command: Awaitable[None]) -> bool:
    try:
        await command
    except NotFound:
        return False
    return True


async def test_activate_against_activate(url: str, rows: Ask) -> None:
    # Given two nodes with a worker for the same jobs
    apps = Procession(url), Procession(url)
    handled: Counter[int] = Counter()
    for app in apps:

        @app.task("work", concurrency=7)
        async def work(job: Job) -> None:
            await asyncio.sleep(0)
            handled[job.key] += 1

    async with apps[0], apps[1]:
        await apps[0].deploy_files(ALL)

        async def run(number: int) -> None:
            await apps[number % 2].start("one_job")

        # When many instances are started
        await race(run)
        await until(lambda: rows("SELECT count(*) FROM process_instance WHERE state<>3") == [(0,)])
    # Then each job was leased once and handled once
    assert len(handled) == RACES
    assert set(handled.values()) == {1}
    assert rows("SELECT DISTINCT lease FROM job") == [(1,)]


async def test_the_end_of_an_instance_against_a_message_that_starts_the_next(
    nodes: tuple[Procession, Procession], rows: Ask
) -> None:
    # Given an instance that ends on one node, while a message for its key arrives on the other
    one, two = nodes

    async def run(number: int) -> None:
        ref = f"r{number}"
        await one.publish("begin", correlation_key=ref, ttl=TTL)
        await until(lambda: len(_open_jobs(rows, ref)) == 1)
        ((first,),) = _open_jobs(rows, ref)
        await asyncio.gather(one.complete_job(first), two.publish("begin", correlation_key=ref, ttl=TTL))
        await until(lambda: _open_jobs(rows, ref) not in ([], [(first,)]))
        ((second,),) = _open_jobs(rows, ref)
        await one.complete_job(second)

    # When that happens again and again
    await race(run)
    await until(lambda: rows("SELECT count(*) FROM process_instance WHERE state<>3") == [(0,)])
    # Then each message started one instance, and never two at a time ran for a key
    assert rows("SELECT count(*) FROM process_instance") == [(RACES * 2,)]
    overlapping = (
        "SELECT count(*) FROM process_instance a JOIN process_instance b "
        "ON a.start_key=b.start_key AND a.key<b.key "
        "AND b.started_at<a.ended_at AND a.started_at<b.ended_at"
    )
    assert rows(overlapping) == [(0,)]


def _open_jobs(rows: Ask, ref: str) -> list[tuple[int, ...]]:
    return rows(
        "SELECT j.key FROM job j JOIN process_instance i ON i.key=j.instance_key "
        f"WHERE i.start_key='{ref}' AND j.ended_at IS NULL",
    )


DELETIONS = 100
"""Races about deletions: each needs a process of its own."""


async def test_a_start_against_the_deletion_of_what_it_starts(
    nodes: tuple[Procession, Procession], url: str, rows: Ask
) -> None:
    # Given a process that is started on one node, while it is deleted on the other
    one, two = nodes
    outcomes: Counter[tuple[str, str]] = Counter()

    async def run(number: int) -> None:
        name = f"p{number}"
        model = bpmn(start() + job("t") + end(), "s>t t>e", id=name)
        (definition,) = (await one.deploy_files({f"{name}.bpmn": model})).definitions
        both = [one.start(name), two.delete_definition(definition.key)]
        started, deleted = await asyncio.gather(*both, return_exceptions=True)
        outcomes[type(started).__name__, type(deleted).__name__] += 1

    # When that happens again and again
    await race(run, DELETIONS)
    # Then one of them is refused, or, where nodes work at the same time, an instance slipped in
    allowed = {("Instance", WrongState.__name__), (NotFound.__name__, "NoneType")}
    if url.startswith("postgresql"):
        allowed.add(("Instance", "NoneType"))
    assert set(outcomes) <= allowed, outcomes
    # And every instance runs to its end
    for (key,) in rows("SELECT key FROM job"):
        await two.complete_job(key)
    started = sum(count for (first, _), count in outcomes.items() if first == "Instance")
    assert rows("SELECT count(*) FROM process_instance WHERE state=3") == [(started,)]
    assert rows("SELECT count(*) FROM process_instance") == [(started,)]
    assert rows("SELECT count(*) FROM incident") == [(0,)]


async def test_a_deployment_against_the_deletion_of_the_version_before(
    nodes: tuple[Procession, Procession], rows: Ask
) -> None:
    # Given a process that a message starts, whose version is deleted while the next one comes
    one, two = nodes

    def model(number: int, version: int) -> bytes:
        name = f"go-{number}-{version}"
        return bpmn(start("s", on_message(name)), id=f"p{number}", definitions=message(name))

    async def run(number: int) -> None:
        file = f"p{number}.bpmn"
        (first,) = (await one.deploy_files({file: model(number, 1)})).definitions
        (second,), _ = await asyncio.gather(
            _deployed(one, file, model(number, 2)), two.delete_definition(first.key)
        )
        assert second == 2

    # When that happens again and again
    await race(run, DELETIONS)
    # Then the message of the next version starts each, and no other
    waiting = (
        "FROM start_subscription s JOIN definition d ON d.key=s.definition_key AND substr(s.name,1,3)='go-'"
    )
    assert rows(f"SELECT count(*), count(DISTINCT s.process_id) {waiting}") == [(DELETIONS, DELETIONS)]
    assert rows(f"SELECT count(*) {waiting} WHERE d.version=2 AND d.deleted_at IS NULL") == [(DELETIONS,)]


async def _deployed(app: Procession, file: str, content: bytes) -> list[int]:
    return [definition.version for definition in (await app.deploy_files({file: content})).definitions]


async def test_two_deletions_of_one_version(nodes: tuple[Procession, Procession], rows: Ask) -> None:
    one, two = nodes

    async def run(number: int) -> None:
        model = bpmn(start() + end(), "s>e", id=f"p{number}")
        (definition,) = (await one.deploy_files({f"p{number}.bpmn": model})).definitions
        both = [app.delete_definition(definition.key) for app in (one, two)]
        outcomes = await asyncio.gather(*both, return_exceptions=True)
        # Then one of them did it
        assert sorted(type(outcome) is NotFound for outcome in outcomes) == [False, True]

    await race(run, DELETIONS)
    assert rows("SELECT count(*) FROM definition WHERE deleted_at IS NOT NULL") == [(DELETIONS,)]


async def test_a_broadcast_against_cancels_and_starts(
    nodes: tuple[Procession, Procession], rows: Ask
) -> None:
    # Given instances that wait for a signal, some of which are cancelled on one node while it is
    # broadcast on the other, and others that begin to wait
    one, two = nodes
    body = start() + catch("c", on_signal("news")) + end()
    await one.deploy_files({"listens.bpmn": bpmn(body, "s>c c>e", id="listens", definitions=signal("news"))})

    async def cancel(key: int) -> None:
        with contextlib.suppress(NotFound):  # it was faster
            await one.cancel(key)

    waiting = [(await one.start("listens")).key for _ in range(30)]
    # When that happens at once
    await asyncio.gather(
        two.broadcast("news"),
        *(cancel(key) for key in waiting[::3]),
        *(one.start("listens") for _ in range(10)),
    )
    await until(lambda: rows("SELECT count(*) FROM command") == [(0,)])
    # Then who waited before has heard or was cancelled
    keys = ",".join(map(str, waiting))
    assert rows(f"SELECT count(*) FROM process_instance WHERE key IN ({keys}) AND state NOT IN (3, 5)") == [
        (0,)
    ]
    # And who was not cancelled has heard
    others = ",".join(str(key) for number, key in enumerate(waiting) if number % 3)
    assert rows(f"SELECT count(*) FROM process_instance WHERE key IN ({others}) AND state=3") == [(20,)]
    # And one more broadcast reaches the rest; nothing is left
    await two.broadcast("news")
    await until(lambda: rows("SELECT count(*) FROM process_instance WHERE state NOT IN (3, 5)") == [(0,)])
    assert rows("SELECT count(*) FROM signal_subscription") == [(0,)]
    assert rows("SELECT count(*) FROM incident") == [(0,)]
