"""Business cases on a server: the same class, with a broker for its requests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from procession import Procession
from procession.errors import InvalidInput, Unsupported
from procession.messaging import Message, connect
from procession.process import RetryPolicy
from procession.process.cases import (
    BusinessCase,
    CaseError,
    CaseManager,
    Context,
    Keyring,
    Refusal,
    TaskId,
    catch,
    reply_queue,
    stage,
)
from tests.acceptance.cases.scene import KEYS, send, service, until
from tests.gateway.clients import unique

LONG = timedelta(seconds=90)


class Account(BusinessCase, api="v1"):
    """OPEN AN ACCOUNT"""

    HIDDEN = frozenset({"password"})
    retry = RetryPolicy(attempts=3, wait=timedelta(0))

    @stage(first=True)
    async def create(self, ctx: Context) -> None:
        ctx.data["password"] = ctx.payload["password"]
        if ctx.attempt == 1:
            raise OSError("not yet")
        await ctx.service("users", "create", {"password": ctx.data["password"]}, next="later")

    @stage
    def later(self, ctx: Context, reply: Any) -> Any:
        ctx.data["user"] = reply["id"]
        return ctx.next(stage="ask_again", delay=timedelta(milliseconds=200), priority=70)

    @stage
    async def ask_again(self, ctx: Context) -> None:
        ctx.service("mails", "send", {"to": ctx.data["user"]}, wait=timedelta(days=2))

    @stage
    async def close(self, ctx: Context, reply: Any) -> Any:
        return ctx.finish({"user": ctx.data["user"], "mail": reply, "password": ctx.data["password"]})


class Late(BusinessCase, api="v1"):
    """ASK AND GIVE UP"""

    @stage(first=True)
    async def ask(self, ctx: Context) -> None:
        ctx.service("nobody", "wait", wait=timedelta(milliseconds=300))

    @stage
    async def never(self, ctx: Context, reply: Any) -> None:
        raise AssertionError("there is no reply")

    @catch
    async def give_up(self, ctx: Context, error: Any) -> Any:
        return ctx.fail(error)


class Wrong(BusinessCase, api="v1"):
    """FAIL FOR GOOD, AND GO ON"""

    @stage(first=True)
    async def fail(self, ctx: Context) -> None:
        raise CaseError("no such customer", code="unknown")

    @stage
    async def after(self, ctx: Context) -> Any:
        return ctx.finish(ctx.data["why"])

    @catch
    async def mend(self, ctx: Context, error: Any) -> Any:
        ctx.data["why"] = error.code
        return ctx.next("after")


def of_its_own(kind: type[BusinessCase]) -> type[BusinessCase]:
    """The class under a case id that no other test has."""
    return type(kind.__name__, (kind,), {"case_id": unique("case").replace("_", "-").lower()})


@pytest.fixture
def queues(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'queues.db'}"


@asynccontextmanager
async def running(server: str, kind: type[BusinessCase], queues: str) -> AsyncIterator[CaseManager]:
    app = Procession(f"grpc://{server}", connect_timeout=LONG)
    manager = CaseManager(app, broker=queues, keys=KEYS)
    manager.register(kind)
    async with app:
        yield manager


async def run(cases: CaseManager, payload: Any = None) -> dict[str, Any]:
    """Start a case and wait for its end: Zeebe has one call for both, and none for the second alone."""
    [blueprint] = cases.blueprints
    return await cases.app.run(blueprint.process_id, {"payload": payload}, timeout=LONG)


async def test_a_case_goes_through_its_stages(server: str, queues: str) -> None:
    kind = of_its_own(Account)
    # Given two services on a queue database
    async with (
        running(server, kind, queues) as cases,
        service(queues, "users", lambda message: {"id": 7}) as users,
        service(queues, "mails", lambda message: "sent") as mails,
    ):
        # When a case runs to its end
        values = await run(cases, {"password": "s3cret"})
    # Then
    assert cases._hidings[f"{kind.case_id}.v1"].revealed(values["result"]) == {
        "user": 7,
        "mail": "sent",
        "password": "s3cret",
    }
    assert "s3cret" not in str({name: one for name, one in values.items() if name != "payload"})
    assert [message.json() for message in users] == [{"password": "s3cret"}]
    assert [message.json() for message in mails] == [{"to": 7}]
    assert not cases.refused


async def test_what_a_case_is_started_with_is_hidden(server: str, queues: str) -> None:
    kind = of_its_own(Account)
    async with (
        running(server, kind, queues) as cases,
        service(queues, "users", lambda message: {"id": 7}) as users,
        service(queues, "mails", lambda message: "sent") as mails,
    ):
        started = await cases.start(kind, {"password": "s3cret"})
        await until(lambda: mails)
    # Then the stages know it
    assert [message.json() for message in users] == [{"password": "s3cret"}]
    # And the task id is of this case
    assert TaskId.opened(users[0].id, Keyring(KEYS)).case_key == started.key


async def test_a_reply_that_does_not_come(server: str, queues: str) -> None:
    kind = of_its_own(Late)
    async with connect(queues) as transport:
        await transport.declare("serviceQ.nobody")
        async with running(server, kind, queues) as cases:
            values = await run(cases)
    assert values["case"]["move"] == "fail"
    assert values["error"]["code"] == "reply-late"


async def test_what_fails_for_good_is_caught(server: str, queues: str) -> None:
    kind = of_its_own(Wrong)
    async with running(server, kind, queues) as cases:
        values = await run(cases)
    assert values["result"] == "unknown"


async def test_a_case_started_by_a_stranger_begins_with_its_first_stage(server: str, queues: str) -> None:
    kind = of_its_own(Wrong)
    async with running(server, kind, queues) as cases:
        values = await cases.app.run(f"{kind.case_id}.v1", {}, timeout=LONG)
    assert values["result"] == "unknown"


async def test_many_cases_whose_services_answer_at_once(server: str, queues: str) -> None:
    # Replies come while the server is still about to wait for them: none is lost.
    kind = of_its_own(Account)
    async with (
        running(server, kind, queues) as cases,
        service(queues, "users", lambda message: {"id": 7}) as users,
        service(queues, "mails", lambda message: "sent") as mails,
    ):
        ended = await asyncio.gather(*(run(cases, {"password": "x"}) for _ in range(40)))
    assert [one["case"]["move"] for one in ended] == ["finish"] * 40
    assert len({message.id for message in users}) == len({message.id for message in mails}) == 40


async def test_a_second_reply_has_no_effect(server: str, queues: str) -> None:
    kind = of_its_own(Account)
    replies = reply_queue(f"{kind.case_id}.v1")
    async with (
        connect(queues) as transport,
        running(server, kind, queues) as cases,
        service(queues, "users", lambda message: {"id": 7}) as users,
    ):
        # Given a case that has its first reply, and waits for another service
        await transport.declare("serviceQ.mails")
        ends = asyncio.create_task(run(cases, {"password": "x"}))
        async with transport.receive("serviceQ.mails", prefetch=1) as receiver:
            asked = await anext(receiver)
            # When the first service answers again, under new ids of the message
            await send(transport, replies, *(users[0].answer({"id": number}) for number in (8, 9)))
            await until(lambda: cases.refused[Refusal.REPLAYED] == 2)
            # Then the case still has the first answer
            await send(transport, replies, asked.message.answer("sent"))
            values = await ends
            await asked.acknowledge()
    assert values["user"] == 7
    assert cases.refused == {Refusal.REPLAYED: 2}


async def test_a_forged_reply_is_refused(server: str, queues: str) -> None:
    kind = of_its_own(Wrong)
    replies = reply_queue(f"{kind.case_id}.v1")
    async with connect(queues) as transport, running(server, kind, queues) as cases:
        await send(transport, replies, Message.with_json({}, correlation="test.forged"))
        await until(lambda: transport.dead_letters(queue=replies))
    assert cases.refused == {Refusal.FORGED: 1}


async def test_a_broker_must_be_named(server: str) -> None:
    app = Procession(f"grpc://{server}", connect_timeout=LONG)
    CaseManager(app, keys=KEYS).register(of_its_own(Wrong))
    with pytest.raises(InvalidInput, match="need a broker"):
        async with app:
            pass


async def test_looking_at_cases_needs_the_database(server: str, queues: str) -> None:
    kind = of_its_own(Wrong)
    async with running(server, kind, queues) as cases:
        for question in (cases.search(), cases.show(1), cases.wait(1, LONG)):
            with pytest.raises(Unsupported, match="cases"):
                await question
