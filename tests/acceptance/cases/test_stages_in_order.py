"""How a stage ends, and what the case does then."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from procession.process.cases import BusinessCase, CaseDetail, CaseStatus, Context, stage

from .scene import AT_ONCE, comes_to, ended, running


class Case(BusinessCase):
    retry = AT_ONCE


async def run(url: str, kind: type[BusinessCase], payload: Any = None) -> CaseDetail:
    async with running(url, kind) as cases:
        return await ended(cases, (await cases.start(kind, payload)).key)


async def test_stages_follow_each_other_and_the_last_ones_answer_is_the_result(sqlite_url: str) -> None:
    class InOrder(Case):
        @stage
        def one(self, ctx: Context) -> int:
            return 1

        @stage
        async def two(self, ctx: Context) -> int:
            return int(ctx.data["one"]) + 1

    detail = await run(sqlite_url, InOrder)
    assert detail.info.status is CaseStatus.FINISHED
    assert detail.data == {"one": 1, "two": 2}
    assert detail.result == 2


async def test_data_is_kept_as_json_and_changes_of_kind_are_changes(sqlite_url: str) -> None:
    class Data(Case):
        @stage
        def write(self, ctx: Context) -> None:
            ctx.data |= {"flag": 1, "list": (1, 2), "gone": 1, "deleted": 1, "inner": {"a": [1]}}

        @stage
        def change(self, ctx: Context) -> None:
            ctx.data["flag"] = True
            ctx.data["gone"] = None
            del ctx.data["deleted"]
            ctx.data["inner"]["a"].append(2)

        @stage
        def read(self, ctx: Context) -> Any:
            return ctx.finish(ctx.data)

    detail = await run(sqlite_url, Data)
    assert detail.result == {"flag": True, "list": [1, 2], "inner": {"a": [1, 2]}}
    assert detail.result["flag"] is True


async def test_a_case_loops_until_it_has_enough(url: str) -> None:
    class Loop(Case):
        @stage
        def count(self, ctx: Context) -> Any:
            ctx.data["count"] = ctx.data.get("count", 0) + 1
            return ctx.next("count" if ctx.data["count"] < 5 else "done")

        @stage
        def done(self, ctx: Context) -> Any:
            return ctx.finish(ctx.data["count"])

    detail = await run(url, Loop)
    assert detail.result == 5
    assert [one.stage for one in detail.stages] == ["count"] * 5 + ["done"]


async def test_a_stage_may_name_the_next_with_a_delay(sqlite_url: str) -> None:
    class Later(Case):
        @stage
        def one(self, ctx: Context) -> Any:
            return ctx.next("three", delay=timedelta(milliseconds=300))

        @stage
        def two(self, ctx: Context) -> None:
            raise AssertionError("it is passed over")

        @stage
        def three(self, ctx: Context) -> None: ...

    detail = await run(sqlite_url, Later)
    one, three = detail.stages
    assert one.ended_at is not None
    assert three.started_at - one.ended_at >= timedelta(milliseconds=300)
    assert three.stage == "three"


async def test_the_next_stage_gets_its_own_tries_and_time(sqlite_url: str) -> None:
    attempts: list[tuple[str, int]] = []

    class Options(Case):
        @stage
        def one(self, ctx: Context) -> Any:
            return ctx.next(retries=2, timeout=timedelta(milliseconds=50))

        @stage
        async def two(self, ctx: Context) -> Any:
            attempts.append((ctx.stage, ctx.attempt))
            if ctx.attempt == 1:
                await asyncio.sleep(3600)
            raise OSError("still not")

    async with running(sqlite_url, Options) as cases:
        started = await cases.start(Options)
        detail = await comes_to(cases, started.key, CaseStatus.HELD)
    # Then the first try took too long, the second failed, and there was no third
    assert attempts == [("two", 1), ("two", 2)]
    assert detail.info.message == "OSError: still not"


async def test_those_with_priority_go_first(sqlite_url: str) -> None:
    order: list[str] = []

    class Urgent(Case):
        @stage
        def choose(self, ctx: Context) -> Any:
            # All are told to go on at about the same moment, later than any of them is started.
            return ctx.next("work", delay=timedelta(seconds=1), priority=ctx.payload)

        @stage
        def work(self, ctx: Context) -> None:
            order.append(ctx.payload)

    async with running(sqlite_url, Urgent, concurrency=1) as cases:
        started = [await cases.start(Urgent, number) for number in (10, 90, 50)]
        await asyncio.gather(*(ended(cases, one.key) for one in started))
        jobs = await asyncio.to_thread(_priorities, sqlite_url)
    assert sorted(jobs) == [10, 50, 90]


def _priorities(url: str) -> list[int]:
    import sqlalchemy as sa

    engine = sa.create_engine(url)
    with engine.connect() as connection:
        query = "SELECT priority FROM job WHERE type LIKE '%.work'"
        found = [int(row[0]) for row in connection.exec_driver_sql(query)]
    engine.dispose()
    return found


class Wrong(Case):
    """Each payload is another way to end a stage wrongly."""

    @stage
    async def work(self, ctx: Context) -> Any:
        return getattr(self, ctx.payload)(ctx)

    @stage
    async def never(self, ctx: Context) -> None: ...

    def twice(self, ctx: Context) -> None:
        ctx.finish()
        ctx.fail("no")

    def another(self, ctx: Context) -> Any:
        ctx.next()
        ctx.outcome, other = None, ctx.outcome
        ctx.finish()
        return other

    def no_json(self, ctx: Context) -> object:
        return object()

    def no_json_in_data(self, ctx: Context) -> None:
        ctx.data["x"] = {1, 2, object()}

    def no_json_in_request(self, ctx: Context) -> None:
        ctx.service("users", "create", object())

    def no_json_result(self, ctx: Context) -> Any:
        return ctx.finish(object())

    def reserved(self, ctx: Context) -> None:
        ctx.data["case"] = 1

    def no_text(self, ctx: Context) -> None:
        ctx.data[1] = 1  # type: ignore[index]

    def no_stage(self, ctx: Context) -> Any:
        return ctx.next("nowhere")

    def no_service(self, ctx: Context) -> None:
        ctx.service("", "create")

    def long_service(self, ctx: Context) -> None:
        ctx.service("s" * 300, "create")

    def zero_service(self, ctx: Context) -> None:
        ctx.service("a\0b", "create")

    def no_wait(self, ctx: Context) -> None:
        ctx.service("users", "create", wait=timedelta(0))

    def no_tries(self, ctx: Context) -> None:
        ctx.next(retries=0)

    def no_timedelta(self, ctx: Context) -> None:
        ctx.next(delay=5)  # type: ignore[arg-type]

    def low(self, ctx: Context) -> None:
        ctx.next(priority=-1)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("twice", "stage 'work' ended with finish and then with fail; a stage ends once"),
        ("another", "stage 'work' returned another ending than it asked for"),
        ("no_json", "has no JSON form"),
        ("no_json_in_data", "what the stage left in data has no JSON form"),
        ("no_json_in_request", "the payload of the request has no JSON form"),
        ("no_json_result", "the result has no JSON form"),
        ("reserved", "data cannot be called 'case'; that name is the case's own"),
        ("no_text", "data cannot be called 1;"),
        ("no_stage", "stage 'work' goes on with 'nowhere', which is no stage"),
        ("no_service", "service is '': make it a name"),
        ("long_service", "has 309 bytes; it must have 1 to 255"),
        ("zero_service", "none of them zero"),
        ("no_wait", "wait is datetime.timedelta(0): make it a timedelta longer than 0"),
        ("no_tries", "retries is 0: make it a number from 1 to"),
        ("no_timedelta", "delay is 5: make it a timedelta of 0 or longer"),
        ("low", "priority is -1: make it a number from 0 to"),
    ],
)
async def test_a_mistake_holds_the_case_at_once(sqlite_url: str, how: str, message: str) -> None:
    async with running(sqlite_url, Wrong) as cases:
        started = await cases.start(Wrong, how)
        detail = await comes_to(cases, started.key, CaseStatus.HELD)
    # Then it says what is wrong, was tried once, and nothing of the run is kept
    assert detail.info.message is not None
    assert message in detail.info.message
    assert detail.data == {}
    assert len(detail.stages) == 1


async def test_the_last_stage_cannot_leave_the_reply_to_nobody(sqlite_url: str) -> None:
    class Last(Case):
        @stage
        async def ask(self, ctx: Context) -> None:
            await ctx.service("users", "create")

    async with running(sqlite_url, Last) as cases:
        detail = await comes_to(cases, (await cases.start(Last)).key, CaseStatus.HELD)
    assert detail.info.message == "stage 'ask' is the last: name the stage that gets the reply with next="


async def test_a_plain_stage_that_should_be_async_says_so(sqlite_url: str) -> None:
    class Plain(Case):
        @stage
        def work(self, ctx: Context) -> Any:
            return self.later()

        async def later(self) -> None: ...

    async with running(sqlite_url, Plain) as cases:
        detail = await comes_to(cases, (await cases.start(Plain)).key, CaseStatus.HELD)
    assert detail.info.message == "a plain stage answered something to wait for: make it `async def`"
