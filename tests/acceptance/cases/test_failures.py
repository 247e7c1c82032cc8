"""Stages that fail: tried again, caught, held, and helped."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from procession.errors import InvalidInput
from procession.messaging import connect
from procession.process import RetryPolicy
from procession.process.cases import BusinessCase, CaseError, CaseFailure, CaseStatus, Context, catch, stage

from .scene import AT_ONCE, comes_to, ended, running, service


class Case(BusinessCase):
    retry = AT_ONCE


class Undone(Case):
    """Asks, fails on the answer, and undoes."""

    @stage
    async def create(self, ctx: Context) -> None:
        await ctx.service("users", "create", next="check")

    @stage
    async def check(self, ctx: Context, reply: Any) -> None:
        ctx.data["lost"] = "with the run that failed"
        raise CaseError(f"user {reply['id']} is not wanted", code="unwanted")

    @stage
    async def undone(self, ctx: Context, reply: Any) -> Any:
        return ctx.fail(ctx.data["why"], code="undone")

    @catch
    async def undo(self, ctx: Context, error: CaseFailure) -> None:
        ctx.data["why"] = error.message
        ctx.data["seen"] = [error.code, error.stage, error.attempts]
        await ctx.service("users", "delete", {"id": ctx.data["create"]["id"]}, next="undone")


async def test_a_catch_undoes_with_what_the_service_answered(url: str) -> None:
    async with (
        running(url, Undone) as cases,
        service(cases.broker, "users", lambda message: {"id": 7}) as users,
    ):
        detail = await ended(cases, (await cases.start(Undone)).key)
    # Then the service was asked to undo what it had done, which the catch knew
    assert [(one.headers["command"], one.json()) for one in users] == [
        ("create", None),
        ("delete", {"id": 7}),
    ]
    # And the case has failed with what the catch said
    assert detail.info.status is CaseStatus.FAILED
    assert detail.info.message == "user 7 is not wanted"
    assert detail.error is not None
    assert detail.error.code == "undone"
    assert detail.data["seen"] == ["unwanted", "check", 1]
    assert "lost" not in detail.data


async def test_a_stage_is_tried_as_often_as_its_policy_says(url: str) -> None:
    attempts: list[int] = []

    class Fails(Case):
        @stage(retry=RetryPolicy(attempts=4, wait=timedelta(milliseconds=10)))
        def work(self, ctx: Context) -> None:
            attempts.append(ctx.attempt)
            ctx.data["attempt"] = ctx.attempt
            raise OSError("the disk is full")

        @catch
        def give_up(self, ctx: Context, error: CaseFailure) -> None:
            ctx.data["attempts"] = error.attempts

    async with running(url, Fails) as cases:
        detail = await ended(cases, (await cases.start(Fails)).key)
    assert attempts == [1, 2, 3, 4]
    assert detail.info.status is CaseStatus.FAILED
    assert detail.error == CaseFailure(
        code="failed", message="OSError: the disk is full", stage="work", attempts=1
    )
    assert detail.data == {"attempts": 4}


async def test_a_stage_that_works_at_last(sqlite_url: str) -> None:
    class Works(Case):
        @stage
        async def work(self, ctx: Context) -> int:
            if ctx.attempt < 3:
                raise OSError("not yet")
            return ctx.attempt

    async with running(sqlite_url, Works) as cases:
        detail = await ended(cases, (await cases.start(Works)).key)
    assert detail.result == 3


async def test_while_it_waits_for_its_next_try_it_says_so(sqlite_url: str) -> None:
    class Waits(Case):
        retry = RetryPolicy(wait=timedelta(days=1))

        @stage
        def work(self, ctx: Context) -> None:
            raise OSError("not yet")

    async with running(sqlite_url, Waits) as cases:
        detail = await comes_to(cases, (await cases.start(Waits)).key, CaseStatus.RETRY)
    assert detail.info.message == "OSError: not yet"
    assert detail.info.due_at is not None
    assert detail.info.due_at - detail.info.started_at > timedelta(hours=23)


async def test_a_case_error_is_not_tried_again(sqlite_url: str) -> None:
    attempts: list[int] = []

    class Fails(Case):
        @stage
        async def work(self, ctx: Context) -> None:
            attempts.append(ctx.attempt)
            raise CaseError("no such customer", code="unknown")

        @catch
        async def give_up(self, ctx: Context, error: CaseFailure) -> Any:
            return ctx.fail(error)

    async with running(sqlite_url, Fails) as cases:
        detail = await ended(cases, (await cases.start(Fails)).key)
    assert attempts == [1]
    assert detail.error == CaseFailure(code="unknown", message="no such customer", stage="work", attempts=1)


async def test_a_catch_may_go_on(sqlite_url: str) -> None:
    class GoesOn(Case):
        @stage
        def work(self, ctx: Context) -> None:
            raise CaseError("no")

        @stage
        def after(self, ctx: Context) -> Any:
            return ctx.finish("done all the same")

        @catch
        def mend(self, ctx: Context) -> Any:
            return ctx.next("after", delay=timedelta(milliseconds=10))

    async with running(sqlite_url, GoesOn) as cases:
        detail = await ended(cases, (await cases.start(GoesOn)).key)
    assert detail.info.status is CaseStatus.FINISHED
    assert detail.result == "done all the same"
    assert [one.stage for one in detail.stages] == ["work", "mend", "after"]


async def test_a_catch_that_fails_is_tried_again_and_then_held(sqlite_url: str) -> None:
    attempts: list[int] = []

    class Fails(Case):
        @stage
        def work(self, ctx: Context) -> None:
            raise CaseError("no")

        @catch
        def undo(self, ctx: Context, error: CaseFailure) -> Any:
            attempts.append(ctx.attempt)
            if len(attempts) <= 3:
                raise OSError("undoing failed")
            return ctx.fail(error)

    async with running(sqlite_url, Fails) as cases:
        started = await cases.start(Fails)
        detail = await comes_to(cases, started.key, CaseStatus.HELD)
        assert attempts == [1, 2, 3]
        assert detail.info.message == "OSError: undoing failed"
        # When somebody has helped
        assert detail.info.incident_key is not None
        await cases.app.resolve_incident(detail.info.incident_key, retries=1)
        detail = await ended(cases, started.key)
    # Then the catch runs once more, and still knows the error
    assert detail.error == CaseFailure(code="failed", message="no", stage="work", attempts=1)


async def test_without_a_catch_the_case_is_held_and_goes_on_when_helped(url: str) -> None:
    broken = [True]

    class Held(Case):
        @stage
        async def ask(self, ctx: Context) -> None:
            await ctx.service("users", "create", next="work")

        @stage
        async def work(self, ctx: Context, reply: Any) -> Any:
            if broken:
                raise CaseError("mend me")
            return ctx.finish(reply)

    async with running(url, Held) as cases, service(cases.broker, "users", lambda message: 7):
        started = await cases.start(Held)
        detail = await comes_to(cases, started.key, CaseStatus.HELD)
        assert detail.info.message == "mend me"
        assert detail.info.incident_key is not None
        broken.clear()
        await cases.app.resolve_incident(detail.info.incident_key, retries=1)
        detail = await ended(cases, started.key)
    # Then the stage got the reply once more
    assert detail.result == 7


@pytest.mark.parametrize("caught", [True, False])
async def test_a_reply_that_comes_too_late(sqlite_url: str, caught: bool) -> None:
    class Late(Case):
        @stage
        async def ask(self, ctx: Context) -> None:
            ctx.service("users", "create", next="work", wait=timedelta(milliseconds=100))

        @stage
        async def work(self, ctx: Context, reply: Any) -> None:
            raise AssertionError("there is no reply")

    class Caught(Late):
        case_id = "late"

        @catch
        async def give_up(self, ctx: Context, error: CaseFailure) -> Any:
            return ctx.fail(error)

    kind = Caught if caught else Late
    async with running(sqlite_url, kind) as cases:
        # Given a service that never answers
        async with service(cases.broker, "users", lambda message: asyncio.sleep(0)):
            pass
        started = await cases.start(kind)
        detail = await comes_to(cases, started.key, CaseStatus.FAILED if caught else CaseStatus.HELD)
    assert detail.info.message is not None
    assert "no reply to the request of ask came in time" in detail.info.message
    if caught:
        assert detail.error is not None
        assert detail.error.code == "reply-late"


async def test_somebody_may_answer_in_the_place_of_a_service_that_did_not(sqlite_url: str) -> None:
    class Late(Case):
        @stage
        async def ask(self, ctx: Context) -> None:
            ctx.service("users", "create", next="work", wait=timedelta(milliseconds=100))

        @stage
        async def work(self, ctx: Context, reply: Any) -> Any:
            return ctx.finish(reply)

    async with running(sqlite_url, Late) as cases, connect(cases.broker) as transport:
        await transport.declare("serviceQ.users")
        started = await cases.start(Late)
        detail = await comes_to(cases, started.key, CaseStatus.HELD)
        assert f"set_variables({started.key}, {{'reply': {{'body': ...}}}})" in str(detail.info.message)
        # When somebody does what the message says
        await cases.app.set_variables(started.key, {"reply": {"body": "by hand"}})
        assert detail.info.incident_key is not None
        await cases.app.resolve_incident(detail.info.incident_key, retries=1)
        # Then the case goes on with that
        assert (await ended(cases, started.key)).result == "by hand"


@pytest.mark.parametrize("message", ["a\0b", "half \ud800", "x" * 100_000, "ünïcödé", ""])
async def test_an_error_with_any_text_is_kept(url: str, message: str) -> None:
    class Fails(Case):
        retry = RetryPolicy(attempts=2, wait=timedelta(0))

        @stage
        def work(self, ctx: Context) -> None:
            raise ValueError(message)

        @catch
        def give_up(self, ctx: Context, error: CaseFailure) -> Any:
            return ctx.fail(error)

    async with running(url, Fails) as cases:
        detail = await ended(cases, (await cases.start(Fails)).key)
    assert detail.info.status is CaseStatus.FAILED
    assert detail.error is not None
    assert detail.error.message.startswith("ValueError: ")
    assert len(detail.error.message) <= 2000


@pytest.mark.parametrize(
    ("failing", "code", "message"),
    [
        ("sorry", "failed", "sorry"),
        (OSError("away"), "failed", "away"),
        (OSError(), "failed", "OSError"),
        (SystemExit(3), "failed", "3"),
        (CaseError("no", code="mine"), "mine", "no"),
    ],
)
async def test_a_stage_may_fail_its_case(sqlite_url: str, failing: Any, code: str, message: str) -> None:
    class Fails(Case):
        @stage
        def work(self, ctx: Context) -> Any:
            return ctx.fail(failing)

        @catch
        def never(self, ctx: Context) -> None:
            raise AssertionError("it has ended")

    async with running(sqlite_url, Fails) as cases:
        detail = await ended(cases, (await cases.start(Fails)).key)
    assert detail.info.status is CaseStatus.FAILED
    assert detail.error == CaseFailure(code=code, message=message, stage="work", attempts=1)


@pytest.mark.parametrize("payload", [object(), {1: object()}, float])
async def test_a_payload_that_is_no_json_is_refused(sqlite_url: str, payload: Any) -> None:
    async with running(sqlite_url, Undone) as cases:
        with pytest.raises(InvalidInput, match="the payload has no JSON form"):
            await cases.start(Undone, payload)
        assert await cases.search() == []
