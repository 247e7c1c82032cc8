"""Looking at cases: search, follow, wait."""

from __future__ import annotations

import asyncio
import itertools
from datetime import timedelta
from typing import Any

import pytest

from procession.errors import InvalidInput, NotFound
from procession.messaging import connect
from procession.process import RetryPolicy
from procession.process.cases import BusinessCase, CaseError, CaseStatus, Context, stage

from .scene import comes_to, ended, running, service


class Many(BusinessCase, api="v1"):
    """MANY ENDS"""

    retry = RetryPolicy(wait=timedelta(days=1))

    @stage
    async def work(self, ctx: Context) -> Any:
        if ctx.payload == "finish":
            return ctx.finish(1)
        if ctx.payload == "fail":
            return ctx.fail("no")
        if ctx.payload == "hold":
            raise CaseError("held")
        if ctx.payload == "retry":
            raise OSError("later")
        if ctx.payload == "delay":
            return ctx.next(delay=timedelta(days=1))
        return ctx.service("users", "ask")

    @stage
    async def close(self, ctx: Context, reply: Any) -> Any:
        return ctx.finish(reply)


class Other(Many, api="v2"):
    """OTHER"""

    case_id = "many"


class Stranger(Many, api="v1"):
    """Not registered everywhere."""


EXPECTED = {
    "finish": CaseStatus.FINISHED,
    "fail": CaseStatus.FAILED,
    "hold": CaseStatus.HELD,
    "retry": CaseStatus.RETRY,
    "delay": CaseStatus.WAITING,
    "ask": CaseStatus.WAITING,
}


async def test_cases_are_found_by_status_case_api_and_business_key(url: str) -> None:
    async with running(url, Many, Other, Stranger) as cases, connect(cases.broker) as transport:
        # Given cases at every place
        await transport.declare("serviceQ.users")
        keys = {
            how: (await cases.start("many", how, api="v1", business_key=f"no. {how}")).key for how in EXPECTED
        }
        other = (await cases.start(Other, "ask")).key
        stranger = (await cases.start(Stranger, "ask")).key
        cancelled = (await cases.start(Other, "ask")).key
        await cases.app.cancel(cancelled)
        for how, key in keys.items():
            await comes_to(cases, key, EXPECTED[how])
        for key in (other, stranger):
            await comes_to(cases, key, CaseStatus.WAITING)

        async def found(**options: Any) -> set[int]:
            return {one.key for one in await cases.search(**options)}

        # Then each question has its answer
        every = {*keys.values(), other, stranger, cancelled}
        assert await found() == every
        assert await found(limit=2) == set(sorted(every)[-2:])
        assert await found(case="many") == every - {stranger}
        assert await found(case=Many) == set(keys.values())
        assert await found(case="many", api="v2") == {other, cancelled}
        assert await found(business_key="no. hold") == {keys["hold"]}
        assert await found(status=CaseStatus.FINISHED) == {keys["finish"]}
        assert await found(status=CaseStatus.FAILED) == {keys["fail"]}
        assert await found(status=CaseStatus.HELD) == {keys["hold"]}
        assert await found(status=CaseStatus.RETRY) == {keys["retry"]}
        assert await found(status=CaseStatus.CANCELLED) == {cancelled}
        assert await found(status=CaseStatus.WAITING) == {keys["delay"], keys["ask"], other, stranger}
        assert await found(status=CaseStatus.WAITING, limit=1) == {stranger}
        with pytest.raises(InvalidInput, match="no case many v3 is registered"):
            await cases.search(case="many", api="v3")
    # And somebody who does not know the class finds nothing of it
    async with running(url, Many, Other) as cases:
        assert stranger not in {one.key for one in await cases.search()}
        with pytest.raises(NotFound, match=f"no case with key {stranger}"):
            await cases.show(stranger)


async def test_a_case_is_followed_to_its_end(url: str) -> None:
    async with running(url, Many) as cases:
        started = await cases.start(Many)
        seen = []
        async with asyncio.timeout(60), service(cases.broker, "users", lambda message: "yes"):
            async for detail in cases.follow(started.key):
                seen.append(detail)
    # Then what was told changed each time, and the last is the end
    assert all(one != two for one, two in itertools.pairwise(seen))
    assert [one.info.status for one in seen][-1] is CaseStatus.FINISHED
    assert all(one.info.ended_at is None for one in seen[:-1])
    assert seen[-1].result == "yes"


async def test_many_may_follow_one_case_and_leave_when_they_like(sqlite_url: str) -> None:
    async with running(sqlite_url, Many) as cases, connect(cases.broker) as transport:
        await transport.declare("serviceQ.users")
        started = await cases.start(Many)

        async def follow() -> CaseStatus:
            status = CaseStatus.RUNNING
            async for detail in cases.follow(started.key):
                status = detail.info.status
            return status

        followers = [asyncio.create_task(follow()) for _ in range(5)]
        await comes_to(cases, started.key, CaseStatus.WAITING)
        followers[0].cancel()
        await cases.app.cancel(started.key)
        async with asyncio.timeout(60):
            told = await asyncio.gather(*followers, return_exceptions=True)
    assert isinstance(told[0], asyncio.CancelledError)
    assert told[1:] == [CaseStatus.CANCELLED] * 4


async def test_waiting_ends_with_the_case_or_the_time(url: str) -> None:
    async with running(url, Many) as cases:
        async with connect(cases.broker) as transport:
            await transport.declare("serviceQ.users")
        started = await cases.start(Many)
        # While it waits, waiting ends in time
        detail = await cases.wait(started.key, timedelta(milliseconds=50))
        assert detail.info.ended_at is None
        # And at its end as soon as there is one
        waiting = asyncio.create_task(cases.wait(started.key, timedelta(seconds=60)))
        async with service(cases.broker, "users", lambda message: "yes"):
            assert (await waiting).result == "yes"
        # And at once when that is long ago
        assert (await cases.wait(started.key, timedelta(0))).result == "yes"
        # And a case that is not there is not waited for
        with pytest.raises(NotFound):
            await cases.wait(1, timedelta(seconds=60))
        with pytest.raises(NotFound):
            await anext(cases.follow(1))


async def test_a_case_ends_in_one_process_and_is_waited_for_in_another(url: str) -> None:
    async with running(url, Many) as one, running(url, Many) as two:
        started = await one.start(Many, "finish")
        assert (await ended(two, started.key)).result == 1
