"""Replies: whose count, whose do not, and that none is in another's way."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from procession.messaging import Message, Transport, connect
from procession.messaging.port import Receiver
from procession.process.cases import (
    BusinessCase,
    CaseManager,
    CaseStatus,
    Context,
    Keyring,
    Refusal,
    TaskId,
    new_key,
    reply_queue,
    service_queue,
    stage,
)

from .scene import AT_ONCE, KEYS, comes_to, ended, running, send, until

SERVICE = service_queue("users")


class Ask(BusinessCase, api="v1"):
    """ASK ONCE"""

    retry = AT_ONCE

    @stage(first=True)
    async def ask(self, ctx: Context) -> None:
        await ctx.service("users", "create", ctx.payload)

    @stage
    async def close(self, ctx: Context, reply: Any) -> Any:
        return ctx.finish(reply)


class Other(Ask, api="v1"):
    """Another case."""


REPLIES = reply_queue("ask.v1")


@asynccontextmanager
async def asked(
    url: str, *, broker: str | None = None
) -> AsyncIterator[tuple[CaseManager, Transport, Receiver]]:
    """An app with the case, and a hand in the place of its service."""
    async with running(url, Ask, broker=broker) as cases, connect(cases.broker) as transport:
        await transport.declare(SERVICE)
        async with transport.receive(SERVICE, prefetch=10) as receiver:
            yield cases, transport, receiver


async def test_the_first_reply_counts_and_the_others_are_counted(url: str) -> None:
    async with asked(url) as (cases, transport, receiver):
        # Given a service that answers many times, under one id of the message and others
        started = await cases.start(Ask)
        request = (await anext(receiver)).message
        replies = [request.answer(number) for number in range(10)]
        # When all of it comes at once
        await send(transport, REPLIES, *replies, *replies)
        detail = await ended(cases, started.key)
        await until(lambda: cases.refused.total() == 19)
        letters = await transport.dead_letters()
    # Then the case has one of the answers, once, and no letter is dead
    assert detail.result in range(10)
    assert [one.stage for one in detail.stages] == ["ask", "close"]
    assert cases.refused == {Refusal.REPLAYED: 19}
    assert letters == []


def _altered(task: str) -> str:
    middle = len(task) // 2
    return task[:middle] + ("A" if task[middle] != "A" else "B") + task[middle + 1 :]


def _of(**other: Any) -> Any:
    def make(task: str) -> str:
        found = TaskId.opened(task, Keyring(KEYS))
        values = {name: getattr(found, name) for name in TaskId.__struct_fields__}
        return TaskId(**(values | other)).sealed(Keyring(KEYS))

    return make


@pytest.mark.parametrize(
    ("forge", "refusal", "reason"),
    [
        (_altered, Refusal.FORGED, "forged: its task id is refused: not made with a key"),
        (lambda task: task[:-3], Refusal.FORGED, "forged: "),
        (lambda task: task + "A", Refusal.FORGED, "forged: "),
        (lambda task: task.replace(".", "..", 1), Refusal.FORGED, "forged: "),
        (lambda task: task.upper(), Refusal.FORGED, "forged: "),
        (lambda task: None, Refusal.FORGED, "forged: "),
        (lambda task: "\n", Refusal.FORGED, "forged: "),
        (
            lambda task: TaskId.opened(task, Keyring(KEYS)).sealed(Keyring([new_key("test")])),
            Refusal.FORGED,
            "forged: its task id is refused: not made with a key of this installation, or altered",
        ),
        (_of(case_id="other"), Refusal.FOREIGN, "foreign: its task id belongs to other v1, not to ask.v1"),
        (_of(api="v2"), Refusal.FOREIGN, "foreign: its task id belongs to ask v2, not to ask.v1"),
    ],
)
async def test_a_task_id_that_is_not_the_cases_is_a_dead_letter(
    sqlite_url: str, forge: Any, refusal: Refusal, reason: str
) -> None:
    async with asked(sqlite_url) as (cases, transport, receiver):
        started = await cases.start(Ask)
        request = (await anext(receiver)).message
        # When a reply comes with another task id
        await send(transport, REPLIES, Message.with_json("no", correlation=forge(request.id)))
        await until(lambda: cases.refused.total())
        await until(lambda: transport.dead_letters(queue=REPLIES))
        # Then it is a dead letter that says why
        [letter] = await transport.dead_letters(queue=REPLIES)
        assert letter.reason.startswith(reason)
        assert cases.refused == {refusal: 1}
        # And the case still waits, and takes the right one
        assert (await cases.show(started.key)).info.status is CaseStatus.WAITING
        await send(transport, REPLIES, request.answer("yes"))
        assert (await ended(cases, started.key)).result == "yes"


async def test_the_task_id_of_a_case_that_does_not_wait_has_no_effect(sqlite_url: str) -> None:
    async with asked(sqlite_url) as (cases, transport, receiver):
        started = await cases.start(Ask)
        request = (await anext(receiver)).message
        for other in (_of(case_key=started.key + 1), _of(ordinal=2), _of(stage="close")):
            await send(transport, REPLIES, Message.with_json("no", correlation=other(request.id)))
        await until(lambda: cases.refused == {Refusal.REPLAYED: 3})
        await send(transport, REPLIES, request.answer("yes"))
        assert (await ended(cases, started.key)).result == "yes"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        b"{",
        b'"\\ud800"',
        b"[" * 5000 + b"]" * 5000,
        b'"' + b"x" * 4_000_001 + b'"',
    ],
    ids=["empty", "no utf-8", "cut", "half a character", "deep", "large"],
)
async def test_a_poison_reply_is_a_dead_letter_at_once_and_in_nobodys_way(
    url: str, body: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with asked(url) as (cases, transport, receiver):
        # Given more cases than replies are held at a time, and a poison reply to each
        started = [await cases.start(Ask) for _ in range(3)]
        requests = [(await anext(receiver)).message for _ in started]
        poison = [Message(body=body, correlation=request.id) for request in requests]
        await send(transport, REPLIES, *poison)
        # When the right ones come behind
        await send(transport, REPLIES, *(request.answer("yes") for request in requests))
        details = await asyncio.gather(*(ended(cases, one.key) for one in started))
        await until(lambda: cases.refused == {Refusal.UNREADABLE: 3})

        async def buried() -> bool:
            return len(await transport.dead_letters(queue=REPLIES)) == 3

        await until(buried)
        letters = await transport.dead_letters(queue=REPLIES)
    # Then all cases have theirs, and each poison one died the first time
    assert [one.result for one in details] == ["yes"] * 3
    assert [letter.message.attempt for letter in letters] == [1] * 3
    assert all(letter.reason.startswith("unreadable: ") for letter in letters)


@pytest.mark.parametrize("reply", [None, 0, "", [], {"a": None}, 10**30, "\0", "x" * 100_000, {"late": True}])
async def test_any_json_is_an_answer(url: str, reply: Any) -> None:
    async with asked(url) as (cases, transport, receiver):
        started = await cases.start(Ask)
        request = (await anext(receiver)).message
        await send(transport, REPLIES, request.answer(reply))
        detail = await ended(cases, started.key)
    assert detail.result == reply
    assert detail.data.get("ask") == reply


async def test_a_reply_before_the_request_is_known_to_be_sent(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a transport that publishes, and takes its time to say so
    confirmed = asyncio.Event()
    from procession.process.cases.asking import Sender

    send_at_once = Sender.send

    async def send_slowly(self: Sender, queue: str, message: Message) -> Any:
        answer = await send_at_once(self, queue, message)
        await confirmed.wait()
        return answer

    monkeypatch.setattr(Sender, "send", send_slowly)
    async with asked(sqlite_url) as (cases, transport, receiver):
        started = await cases.start(Ask)
        request = (await anext(receiver)).message
        # When the service answers before that
        await send(transport, REPLIES, request.answer("yes"))

        async def taken() -> bool:
            return not await _waiting(transport, REPLIES)

        await until(taken)
        detail = await cases.show(started.key)
        assert [one.stage for one in detail.stages] == ["ask"]
        # Then the case goes on when it is said
        confirmed.set()
        assert (await ended(cases, started.key)).result == "yes"
    assert not cases.refused


async def _waiting(transport: Any, queue: str) -> int:
    import sqlalchemy as sa

    from procession.messaging.tables import queued

    def count(connection: sa.Connection) -> int:
        query = sa.select(sa.func.count()).where(queued.c.queue == queue)
        return int(connection.scalar(query) or 0)

    found: int = await transport._database.run(count)
    return found


async def test_a_case_that_is_cancelled_while_it_waits(url: str) -> None:
    async with asked(url) as (cases, transport, receiver):
        started = await cases.start(Ask)
        request = (await anext(receiver)).message
        await comes_to(cases, started.key, CaseStatus.WAITING)
        # When it is cancelled, and the reply comes then
        await cases.app.cancel(started.key)
        assert (await ended(cases, started.key)).info.status is CaseStatus.CANCELLED
        await send(transport, REPLIES, request.answer("too late"))
        # Then that has no effect
        await until(lambda: cases.refused == {Refusal.REPLAYED: 1})
        detail = await cases.show(started.key)
    assert detail.info.status is CaseStatus.CANCELLED
    assert "ask" not in detail.data


async def test_a_repeated_start_is_one_case(url: str) -> None:
    async with asked(url) as (cases, transport, receiver):
        one = await cases.start(Ask, 1, idempotency_key="order 1")
        two = await cases.start(Ask, 2, idempotency_key="order 1")
        assert (one.key, one.created, two.created) == (two.key, True, False)
        delivery = await anext(receiver)
        assert delivery.message.json() == 1
        await send(transport, REPLIES, delivery.message.answer("yes"))
        await ended(cases, one.key)
        assert len(await cases.search()) == 1


async def test_a_refused_reply_shows_in_the_log(sqlite_url: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "procession.case"):
        async with asked(sqlite_url) as (cases, transport, _):
            await send(transport, REPLIES, Message.with_json(1, id="the-one", correlation="forged"))
            await until(lambda: cases.refused.total())
    assert "reply the-one is refused: its task id is refused" in caplog.text
