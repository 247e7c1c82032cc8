"""What a node does when a command fails for a reason nobody foresaw, or there is too much to do."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Collection
from datetime import timedelta
from typing import Any

import pytest

from procession import DatabaseFull, Instance, Job, Procession, ProcessionError, ResourceExhausted
from procession.broker import intake
from procession.engine import Target, Unit
from procession.engine import commands as c
from procession.engine.handlers.instances import Start
from procession.engine.handlers.jobs import Complete
from procession.engine.handlers.timers import Fire
from procession.engine.run import Run
from procession.storage.sqlite import SQLiteStorage
from procession.storage.sqlite.transaction import SQLiteTransaction
from tests.building import bpmn, catch, end, job, on_duration, start

ONE_JOB = {"one.bpmn": bpmn(start() + job("a") + end(), "s>a a>e", id="one")}
ONE_TIMER = {"timed.bpmn": bpmn(start() + catch("t", on_duration("PT0.05S")) + end(), "s>t t>e", id="timed")}
SOON = timedelta(seconds=20)


async def until(true: Callable[[], Awaitable[bool]]) -> None:
    """Wait for something that must come."""
    async with asyncio.timeout(SOON.total_seconds()):
        while not await true():  # noqa: ASYNC110 - what is awaited is in the database
            await asyncio.sleep(0.01)


def cursed(variables: dict[str, str]) -> bool:
    return variables.get("cursed") == "true"


async def test_a_command_that_fails_unexpectedly_is_left_out_and_the_others_of_its_batch_commit(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given an engine with a fault that one start in many meets
    whole = Start.execute

    def faulty(self: Start, command: c.StartInstance, run: Run) -> c.Started:
        if cursed(command.variables):
            raise ZeroDivisionError("a fault of the engine")
        return whole(self, command, run)

    monkeypatch.setattr(Start, "execute", faulty)
    async with Procession(url) as app:
        await app.deploy_files(ONE_JOB)
        # When it is sent together with others
        starts = [app.start("one", {"cursed": number == 7}) for number in range(20)]
        answers = await asyncio.gather(*starts, return_exceptions=True)
        # Then only it fails, with an error that says so
        (failure,) = [answer for answer in answers if isinstance(answer, BaseException)]
        assert isinstance(failure, ProcessionError)
        assert "a fault of the engine" in str(failure)
        assert len(await app.instances(limit=100)) == 19


async def test_a_timer_that_fails_unexpectedly_becomes_an_incident_and_fires_when_that_is_resolved(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given an engine that cannot fire timers
    calls: list[int] = []

    def faulty(self: Fire, command: c.TriggerTimer, run: Run) -> None:
        calls.append(command.key)
        raise ZeroDivisionError("a fault of the engine")

    async with Procession(url) as app:
        await app.deploy_files(ONE_TIMER)
        with monkeypatch.context() as broken:
            broken.setattr(Fire, "execute", faulty)
            # When one is due
            instance = await app.start("timed")

            async def has_incident() -> bool:
                return bool(await app.incidents())

            await until(has_incident)
            (incident,) = await app.incidents()
            # Then it is tried once, and its instance has an incident
            assert len(calls) == 1
            assert incident.type == "UNKNOWN"
            assert incident.instance_key == instance.key
        # And when the fault is mended and the incident resolved, the timer fires
        await app.resolve_incident(incident.key)
        assert await instance.result(SOON) == {}


async def test_a_batch_that_cannot_be_written_is_narrowed_down_to_the_command_that_is_to_blame(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a database that refuses the rows of one instance
    whole = SQLiteTransaction.write

    def refusing(self: SQLiteTransaction, unit: Unit) -> None:
        if any(instance.business_key == "bad" for instance in unit.instances.added.values()):
            raise ValueError("these rows are refused")
        whole(self, unit)

    monkeypatch.setattr(SQLiteTransaction, "write", refusing)
    async with Procession(url) as app:
        await app.deploy_files(ONE_JOB)
        # When it starts together with others
        keys = ["bad" if number == 11 else f"good-{number}" for number in range(30)]
        starts = [app.start("one", business_key=key) for key in keys]
        answers = await asyncio.gather(*starts, return_exceptions=True)
        # Then the others are there, and only its own start failed
        assert [key for key, answer in zip(keys, answers, strict=True) if isinstance(answer, Exception)] == [
            "bad"
        ]
        assert len(await app.instances(limit=100)) == 29


async def test_work_on_a_root_that_another_node_holds_waits_for_a_later_batch(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a database that grants the lock of a job's root only the third time
    asked: list[Target] = []

    def sparing(self: SQLiteTransaction, targets: Collection[Target]) -> set[Target]:
        jobs = {target for target in targets if target[0] == "job"}
        asked.extend(jobs)
        return set(targets) if len(asked) > 2 else set(targets) - jobs

    async with Procession(url) as app:
        await app.deploy_files(ONE_JOB)
        instance = await app.start("one")
        await app.publish("nothing")
        (waiting,) = (await app.instance(instance.key)).waiting
        assert waiting.element_id == "a"
        monkeypatch.setattr(SQLiteTransaction, "lock", sparing)
        # When the job is completed
        await app.complete_job(await _job_key(app))
        # Then the command was put off twice, and carried out
        assert len(asked) == 3
        assert await instance.result(SOON) == {}


async def _job_key(app: Procession) -> int:
    import sqlalchemy as sa

    with app._embedded.storage.reader().connect() as connection:
        key: int = connection.execute(sa.text("SELECT key FROM job")).scalar_one()
    return key


async def test_a_node_with_too_much_waiting_refuses_starts_but_never_the_completion_of_a_job(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a node that is busy with one batch, and a limit of five commands in waiting
    monkeypatch.setattr(intake, "QUEUE_LIMIT", 5)
    busy, go_on = threading.Event(), threading.Event()
    whole = Complete.execute

    def slow(self: Complete, command: c.CompleteJob, run: Run) -> None:
        busy.set()
        go_on.wait(SOON.total_seconds())
        whole(self, command, run)

    async with Procession(url) as app:
        await app.deploy_files(ONE_JOB)
        instance = await app.start("one")
        key = await _job_key(app)
        monkeypatch.setattr(Complete, "execute", slow)
        first = asyncio.create_task(app.complete_job(key))
        await asyncio.to_thread(busy.wait, SOON.total_seconds())
        # When more starts come than it takes
        starts = [asyncio.create_task(app.start("one")) for _ in range(8)]
        await asyncio.sleep(0)
        again = asyncio.create_task(app.complete_job(key))
        await asyncio.sleep(0)
        go_on.set()
        answers = await asyncio.gather(*starts, return_exceptions=True)
        # Then those over the limit are refused at once; the others, and the completion, are carried out
        assert [type(answer) for answer in answers].count(ResourceExhausted) == 3
        await first
        assert await instance.result(SOON) == {}
        assert not isinstance((await asyncio.gather(again, return_exceptions=True))[0], ResourceExhausted)


async def test_who_needs_more_keys_than_can_be_had_is_told_and_the_node_goes_on(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Procession(url) as app:
        await app.deploy_files(ONE_JOB)
        # Given a node with too few keys for a batch, and a database that once refuses a larger block
        keys = app._embedded.node._keys
        keys._block = 40
        keys._range = range(keys._range.start, keys._range.start + 30)
        refused: list[int] = []
        whole = SQLiteStorage.reserve_keys

        def reserve(self: SQLiteStorage, count: int) -> range:
            if count > 40 and not refused:
                refused.append(count)
                raise DatabaseFull("no space is left")
            return whole(self, count)

        monkeypatch.setattr(SQLiteStorage, "reserve_keys", reserve)
        # When more is started at once than they are enough for
        starts = [app.start("one") for _ in range(60)]
        answers = await asyncio.wait_for(
            asyncio.gather(*starts, return_exceptions=True), SOON.total_seconds()
        )
        # Then everybody is answered, what was refused did not happen, and the node goes on
        assert refused
        assert {type(answer) for answer in answers if isinstance(answer, Exception)} == {DatabaseFull}
        assert [type(answer) for answer in answers].count(Instance) == len(await app.instances(limit=100))
        await asyncio.gather(*(app.start("one") for _ in range(60)))


async def test_a_handler_that_runs_too_long_is_cancelled_and_its_try_has_failed(url: str) -> None:
    # Given an async handler that hangs on its first try
    tries: list[int] = []
    app = Procession(url)

    @app.task(
        "a",
        retries=2,
        backoff=timedelta(0),
        timeout=timedelta(milliseconds=150),
        max_runtime=timedelta(milliseconds=200),
    )
    async def hang_once(job: Job) -> dict[str, Any]:
        tries.append(job.attempt)
        if job.attempt == 1:
            await asyncio.sleep(3600)
        return {"attempt": job.attempt}

    async with app:
        await app.deploy_files(ONE_JOB)
        # When its job is due
        instance = await app.start("one")
        # Then the second try completes it
        assert await instance.result(SOON) == {"attempt": 2}
        assert tries == [1, 2]


async def test_a_plain_handler_that_runs_too_long_is_disowned_and_its_answer_is_dropped(url: str) -> None:
    # Given a plain handler whose first try goes on until the second has answered
    second_done = threading.Event()
    app = Procession(url)

    @app.task(
        "a",
        retries=2,
        backoff=timedelta(0),
        concurrency=2,
        timeout=timedelta(milliseconds=150),
        max_runtime=timedelta(milliseconds=200),
    )
    def hang_once(job: Job) -> dict[str, Any]:
        if job.attempt == 1:
            second_done.wait(SOON.total_seconds())
        return {"attempt": job.attempt}

    async with app:
        await app.deploy_files(ONE_JOB)
        # When its job is due
        instance = await app.start("one")
        result = await instance.result(SOON)
        second_done.set()
        # Then only the second answer counts
        assert result == {"attempt": 2}
    assert second_done.is_set()
