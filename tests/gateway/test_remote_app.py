"""The app on a remote server: the same calls and handlers as on a database of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from procession import (
    AlreadyExists,
    BpmnError,
    DeadlineExceeded,
    DeploymentRejected,
    Incident,
    InvalidInput,
    Job,
    NotFound,
    Procession,
    Unsupported,
    WrongState,
)
from tests.building import boundary, bpmn, catch, end, error, job, message, on_error, on_message, start
from tests.gateway.clients import unique
from tests.gateway.servers import Served
from tests.zeebe import Zeebe

LONG = timedelta(seconds=60)
SHORT = timedelta(milliseconds=1)
UNKNOWN = (1 << 51) + (1 << 40)
"""A key of the first partition that nothing has."""


@pytest.fixture
def id() -> str:
    """A job type, and the id of a process with one such job."""
    return unique("work")


@pytest.fixture
def app(server: str) -> Procession:
    return Procession(f"grpc://{server}", connect_timeout=LONG)


def one_task(id: str) -> bytes:
    return bpmn(start() + job("t", type=id) + end(), "s>t t>e", id=id)


def caught(id: str) -> bytes:
    """One job, with a boundary event for the error OUT that completes another way."""
    body = start() + job("t", type=id) + boundary("b", "t", on_error("out")) + end() + end("o")
    return bpmn(body, "s>t t>e b>o", id=id, definitions=error("out"))


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(LONG.total_seconds()):
        while not condition():  # noqa: ASYNC110  # it may be about another process
            await asyncio.sleep(0.02)


# --- commands -------------------------------------------------------------------------------------


async def test_a_deployment_answers_its_definitions_and_finds_them_unchanged(
    app: Procession, id: str
) -> None:
    async with app:
        first = await app.deploy_files({f"{id}.bpmn": one_task(id)})
        again = await app.deploy_files({f"{id}.bpmn": one_task(id)})
    assert [(d.process_id, d.version, d.resource_name) for d in first.definitions] == [(id, 1, f"{id}.bpmn")]
    assert again == first


async def test_a_faulty_file_is_refused(app: Procession) -> None:
    async with app:
        with pytest.raises(DeploymentRejected) as refusal:
            await app.deploy_files({"broken.bpmn": b"<nothing/>"})
    assert refusal.value.faults[0].resource == "broken.bpmn"


async def test_files_are_deployed_on_entering(app: Procession, id: str, tmp_path: Path) -> None:
    path = tmp_path / f"{id}.bpmn"
    path.write_bytes(one_task(id))
    app.deploy(path)
    async with app:
        assert (await app.start(id)).version == 1


async def test_what_is_not_there_is_not_found(app: Procession) -> None:
    async with app:
        for work in (
            app.start(unique("nothing")),
            app.cancel(UNKNOWN),
            app.complete_job(UNKNOWN),
            app.resolve_incident(UNKNOWN),
        ):
            with pytest.raises(NotFound):
                await work


async def test_an_instance_is_cancelled_once(app: Procession, id: str) -> None:
    async with app:
        await app.deploy_files({f"{id}.bpmn": one_task(id)})
        instance = await app.start(id)
        await app.cancel(instance.key)
        with pytest.raises(NotFound):
            await app.cancel(instance.key)


async def test_variables_are_set_while_it_runs(app: Procession, id: str) -> None:
    seen = []

    async with app:
        await app.deploy_files({f"{id}.bpmn": one_task(id)})
        instance = await app.start(id, {"n": 1})
        await app.set_variables(instance.key, {"n": 2})

    @app.task(id)
    async def work(n: int) -> None:
        seen.append(n)

    async with app:
        await until(lambda: seen)
    assert seen == [2]


async def test_a_message_goes_to_who_waits_and_is_taken_once(app: Procession, id: str) -> None:
    name = f"paid-{id}"
    definitions = message(name, "=key")
    body = start() + catch("c", on_message(name)) + end()
    async with app:
        await app.deploy_files({f"{id}.bpmn": bpmn(body, "s>c c>e", id=id, definitions=definitions)})
        waiting = asyncio.create_task(app.run(id, {"key": id}, timeout=LONG))
        key = await app.publish(name, correlation_key=id, variables={"paid": 5}, ttl=LONG, message_id="m")
        with pytest.raises(AlreadyExists):
            await app.publish(name, correlation_key=id, ttl=LONG, message_id="m")
        result = await waiting
    assert key > 0
    assert result == {"key": id, "paid": 5}


async def test_run_gives_up_after_its_time(app: Procession, id: str) -> None:
    async with app:
        await app.deploy_files({f"{id}.bpmn": one_task(id)})
        with pytest.raises(DeadlineExceeded, match="goes on"):
            await app.run(id, timeout=timedelta(milliseconds=300))


@pytest.mark.parametrize("option", ["business_key", "idempotency_key"])
async def test_a_start_refuses_what_the_protocol_has_no_field_for(app: Procession, option: str) -> None:
    async with app:
        with pytest.raises(Unsupported, match=option):
            await app.start("any", **{option: "A-1"})


async def test_queries_name_what_is_not_there(app: Procession) -> None:
    async with app:
        asked = (app.instances(), app.count_instances(), app.incidents(), app.instance(1), app.status())
        for query in asked:
            with pytest.raises(Unsupported, match="needs the database"):
                await query


async def test_an_incident_is_not_given_retries_but_its_job_is(app: Procession, id: str) -> None:
    async with app:
        with pytest.raises(Unsupported, match="update_retries"):
            await app.resolve_incident(UNKNOWN, retries=3)
        with pytest.raises(NotFound):
            await app.update_retries(UNKNOWN, 3)


async def test_an_instance_is_migrated_with_a_mapping_of_its_elements(app: Procession, id: str) -> None:
    # Given an instance on the first of two versions
    newer = bpmn(
        start() + job("u", type=f"{id}-new") + job("last", type=id) + end(), "s>u u>last last>e", id=id
    )
    done = asyncio.Event()

    @app.task(id)
    async def work(job: Job) -> None:
        if job.element_id == "last":
            done.set()

    async with Procession(app.url, serve=False, connect_timeout=LONG) as quiet:
        await quiet.deploy_files({f"{id}.bpmn": one_task(id)})
        instance = await quiet.start(id)
        [definition] = (await quiet.deploy_files({f"{id}.bpmn": newer})).definitions
        # When what only a database could do is asked for, then it is said what can be done
        for options, says in (
            ({"version": 2}, "definition_key"),
            ({"definition_key": definition.key}, "equal_ids=False"),
            ({"definition_key": definition.key, "equal_ids": False, "retype_jobs": True}, "retype_jobs"),
        ):
            with pytest.raises(Unsupported, match=says):
                await quiet.migrate(instance.key, {"t": "u"}, **options)
        with pytest.raises(WrongState, match="'t'"):
            await quiet.migrate(instance.key, definition_key=definition.key, equal_ids=False)
        await quiet.migrate(instance.key, {"t": "u"}, definition_key=definition.key, equal_ids=False)
    # Then it goes on with the newer one
    async with app:
        await asyncio.wait_for(done.wait(), LONG.total_seconds())


async def test_a_result_is_awaited_on_our_server(own_server: Served, id: str) -> None:
    app = Procession(f"grpc://{own_server.address}", connect_timeout=LONG)

    @app.task(id)
    async def work(n: int) -> dict[str, int]:
        return {"n": n + 1}

    async with app:
        await app.deploy_files({f"{id}.bpmn": one_task(id)})
        instance = await app.start(id, {"n": 1})
        assert await instance.result(LONG) == {"n": 2}


@pytest.mark.zeebe
async def test_a_result_that_zeebe_cannot_await_names_what_can(zeebe: Zeebe, id: str) -> None:
    app = Procession(f"grpc://{zeebe.address}", connect_timeout=LONG)
    async with app:
        await app.deploy_files({f"{id}.bpmn": one_task(id)})
        instance = await app.start(id)
        with pytest.raises(Unsupported, match=r"app\.run"):
            await instance.result(LONG)


# --- handlers -------------------------------------------------------------------------------------


async def test_what_a_handler_returns_becomes_variables(app: Procession, id: str) -> None:
    @app.task(id)
    async def work(job: Job, n: int) -> dict[str, int]:
        assert (job.type, job.process_id, job.element_id, job.attempt) == (id, id, "t", 1)
        return {"m": n + 1}

    async with app:
        await app.deploy_files({f"{id}.bpmn": one_task(id)})
        assert await app.run(id, {"n": 1}, timeout=LONG) == {"n": 1, "m": 2}


async def test_a_plain_function_is_a_handler_too(app: Procession, id: str) -> None:
    @app.task(id, concurrency=2)
    def work(n: int) -> dict[str, int]:
        return {"n": -n}

    async with app:
        await app.deploy_files({f"{id}.bpmn": one_task(id)})
        runs = [app.run(id, {"n": n}, timeout=LONG) for n in range(5)]
        assert await asyncio.gather(*runs) == [{"n": -n} for n in range(5)]


async def test_jobs_of_before_it_came_are_found(app: Procession, id: str) -> None:
    seen = []
    async with app:
        await app.deploy_files({f"{id}.bpmn": one_task(id)})
        for n in range(5):
            await app.start(id, {"n": n})

    @app.task(id, concurrency=2)
    async def work(n: int) -> None:
        seen.append(n)

    async with app:
        await until(lambda: len(seen) == 5)
    assert sorted(seen) == [0, 1, 2, 3, 4]


async def test_a_worker_never_runs_more_than_its_slots(app: Procession, id: str) -> None:
    now = most = 0

    @app.task(id, concurrency=3)
    async def work() -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.02)
        now -= 1

    async with app:
        await app.deploy_files({f"{id}.bpmn": one_task(id)})
        await asyncio.gather(*(app.run(id, timeout=LONG) for _ in range(12)))
    assert 1 <= most <= 3


async def test_the_handlers_retries_win_and_the_attempt_is_counted(app: Procession, id: str) -> None:
    tries = []

    @app.task(id, retries=5, backoff=SHORT)
    async def work(job: Job) -> dict[str, object]:
        tries.append((job.attempt, job.retries))
        if len(tries) < 5:
            raise ValueError("not yet")
        return {"visible": sorted(job.variables)}

    async with app:
        await app.deploy_files({f"{id}.bpmn": one_task(id)})
        result = await app.run(id, {"n": 1}, timeout=LONG)
    assert tries == [(1, 5), (2, 4), (3, 3), (4, 2), (5, 1)]
    assert result == {"n": 1, "visible": ["n"]}  # how the tries are counted is nobody else's business


async def test_a_business_error_takes_the_event_that_catches_it(app: Procession, id: str) -> None:
    @app.task(id)
    async def work() -> None:
        raise BpmnError("out", "sold out")

    async with app:
        await app.deploy_files({f"{id}.bpmn": caught(id)})
        assert await app.run(id, timeout=LONG) == {}


async def test_an_incident_stops_until_the_job_gets_retries_and_it_is_resolved(
    app: Procession, id: str
) -> None:
    jobs: list[Job] = []

    @app.task(id, retries=2)
    async def work(job: Job) -> None:
        jobs.append(job)
        if len(jobs) == 1:
            raise Incident("somebody has to look")

    async with app:
        await app.deploy_files({f"{id}.bpmn": one_task(id)})
        running = asyncio.create_task(app.run(id, timeout=LONG))
        await until(lambda: jobs)
        key = jobs[0].key
        await until_refused(app, key)
        await app.update_retries(key, 7)
        await resolve_after(app, key)
        await running
    assert [job.attempt for job in jobs] == [1, 1]  # new tries are counted anew
    assert jobs[1].retries == 2


async def until_refused(app: Procession, job_key: int) -> None:
    """Until the job has its incident: it cannot be completed then."""
    async with asyncio.timeout(LONG.total_seconds()):
        while True:
            try:
                await app.fail_job(job_key, retries=0, message="still nobody has looked")
            except WrongState:
                return
            await asyncio.sleep(0.05)


async def resolve_after(app: Procession, key: int) -> None:
    """The protocol does not tell the keys of incidents; they are taken from the same counter."""
    for candidate in range(key + 1, key + 200):
        try:
            return await app.resolve_incident(candidate)
        except NotFound:
            continue
    raise AssertionError(f"no incident was found after {key}")


async def test_a_long_handler_keeps_its_lease(app: Procession, id: str) -> None:
    calls = 0

    @app.task(id, timeout=timedelta(seconds=3))
    async def work() -> None:
        nonlocal calls
        calls += 1
        await asyncio.sleep(7)

    async with app:
        await app.deploy_files({f"{id}.bpmn": one_task(id)})
        await app.run(id, timeout=LONG)
    assert calls == 1


async def test_a_job_is_completed_by_the_handler_itself(app: Procession, id: str) -> None:
    @app.task(id)
    async def work(job: Job) -> dict[str, int]:
        await job.complete({"by": "hand"})
        return {"ignored": 1}

    async with app:
        await app.deploy_files({f"{id}.bpmn": one_task(id)})
        assert await app.run(id, timeout=LONG) == {"by": "hand"}


async def test_joining_a_transaction_is_unsupported(app: Procession) -> None:
    async with app:
        with pytest.raises(Unsupported, match="connection="):
            await app.publish("m", connection=object())  # type: ignore[arg-type]  # never looked at


async def test_leaving_gives_jobs_back_unused(server: str, id: str) -> None:
    held, taken = asyncio.Event(), asyncio.Event()
    first = Procession(f"grpc://{server}", connect_timeout=LONG, grace=timedelta(0))
    second = Procession(f"grpc://{server}", connect_timeout=LONG)

    @first.task(id, timeout=timedelta(hours=1))
    async def hold() -> None:
        held.set()
        await asyncio.Event().wait()

    @second.task(id)
    async def take(job: Job) -> None:
        assert (job.attempt, job.retries) == (1, 3)
        taken.set()

    async with first:
        await first.deploy_files({f"{id}.bpmn": one_task(id)})
        await first.start(id)
        await asyncio.wait_for(held.wait(), LONG.total_seconds())
    async with second:
        await asyncio.wait_for(taken.wait(), LONG.total_seconds())


def test_the_sync_facade_works_on_a_server(server: str, id: str) -> None:
    app = Procession(f"grpc://{server}", connect_timeout=LONG)
    app.task(id)(lambda n: {"n": n * 2})
    with app.sync() as plain:
        plain.deploy_files({f"{id}.bpmn": one_task(id)})
        assert plain.run(id, {"n": 2}, timeout=LONG) == {"n": 4}


def test_credentials_for_a_database_are_refused() -> None:
    from procession import BearerCredentials

    app = Procession("sqlite:///any.db", credentials=BearerCredentials("t"))
    with pytest.raises(InvalidInput, match="credentials"):
        app.sync().__enter__()
