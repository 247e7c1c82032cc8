"""What a remote engine tells of incidents that answers to jobs make."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from procession.broker import ActivatedJob, IncidentNotice
from procession.client.remote.backend import Remote
from procession.engine import commands as c
from procession.engine.records import JOB_ACTIVATED, Job
from procession.errors import DeadlineExceeded, NotFound, ProcessionError, WrongState

JOB = ActivatedJob(
    Job(
        key=7,
        root_key=5,
        instance_key=5,
        element_key=6,
        definition_key=1,
        tenant="",
        process_id="order",
        element_id="Ship",
        type="order_ship",
        priority=0,
        created_at=0,
        retries=1,
        state=JOB_ACTIVATED,
        due=2**60,
        lease=1,
        worker="w",
        failures=0,
    ),
    1,
    None,
    {},
    {},
)
FOR_GOOD = c.FailJob(7, 0, message="no parcel", lease=1)


class Engine(Remote):
    """Its server answers each call with the next of `outcomes`: an error, or None for success."""

    def __init__(self, *outcomes: ProcessionError | None) -> None:
        self.told: list[IncidentNotice] = []
        self.refused: list[ProcessionError] = []
        super().__init__("grpc://127.0.0.1:1", on_incident=self.told.append)
        self._outcomes = [None, *outcomes]  # the first is for the greeting
        self._leases.grant(JOB)
        self._channel.ask = self._answer  # type: ignore[method-assign]

    async def _answer(self, *_: Any, **__: Any) -> Any:
        outcome = self._outcomes.pop(0)
        if outcome is not None:
            raise outcome

    async def answer(self, command: c.Command) -> None:
        """Give this answer to the job, and wait until it is settled."""
        await self._channel.greet()
        self.tell(command, lambda _, __, error: self.refused.append(error), about=JOB)
        await asyncio.gather(*self._asked)
        await self.close()


async def test_a_job_failed_for_good_is_told() -> None:
    engine = Engine(None)
    await engine.answer(FOR_GOOD)
    (notice,) = engine.told
    assert (notice.incident_key, notice.job_key, notice.instance_key) == (None, 7, 5)
    assert (notice.process_id, notice.element_id, notice.job_type) == ("order", "Ship", "order_ship")
    assert (notice.message, notice.retries) == ("no parcel", 0)


async def test_a_job_that_comes_back_is_not() -> None:
    engine = Engine(None)
    await engine.answer(c.FailJob(7, 2, message="later", lease=1))
    assert not engine.told


@pytest.mark.parametrize("error", [WrongState("too late"), NotFound("gone")])
async def test_a_refused_answer_made_no_incident(error: ProcessionError) -> None:
    engine = Engine(error)
    await engine.answer(FOR_GOOD)
    assert not engine.told
    assert engine.refused == [error]


async def test_a_lost_answer_is_repeated_and_told_once() -> None:
    engine = Engine(DeadlineExceeded("lost"), None)
    await engine.answer(FOR_GOOD)
    assert len(engine.told) == 1


async def test_a_repetition_that_finds_the_incident_made_it() -> None:
    engine = Engine(DeadlineExceeded("lost"), WrongState("job 7 has failed for good"))
    await engine.answer(FOR_GOOD)
    assert len(engine.told) == 1
    assert not engine.refused


async def test_a_job_that_went_with_its_instance_made_none() -> None:
    engine = Engine(DeadlineExceeded("lost"), NotFound("gone"))
    await engine.answer(FOR_GOOD)
    assert not engine.told
