"""A broker that is away: nothing is lost, and the case goes on when it is back."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from procession.errors import WrongState
from procession.messaging import connect
from procession.process.cases import (
    BusinessCase,
    CaseManager,
    CaseStatus,
    Context,
    reply_queue,
    service_queue,
    stage,
)
from procession.process.cases.asking import Sender
from tests.rabbitmq import RabbitMQ, own_rabbitmq

from .scene import AT_ONCE, comes_to, ended, running, service, until


class Ask(BusinessCase, api="v1"):
    """ASK TWICE"""

    retry = AT_ONCE

    @stage(first=True)
    async def one(self, ctx: Context) -> None:
        await ctx.service("users", "one")

    @stage
    async def two(self, ctx: Context, reply: Any) -> None:
        await ctx.service("users", "two")

    @stage
    async def close(self, ctx: Context, reply: Any) -> Any:
        return ctx.finish([ctx.data["one"], reply])


@pytest.fixture
def own_broker() -> Iterator[RabbitMQ]:
    """A broker of the test's own, which it stops."""
    with own_rabbitmq() as broker:
        yield broker


async def test_a_broker_that_is_away_from_the_start(url: str, own_broker: RabbitMQ) -> None:
    # Given no broker
    await asyncio.to_thread(own_broker.stop)
    async with running(url, Ask, broker=own_broker.url) as cases:
        # When a case asks
        started = await cases.start(Ask)
        await until(lambda: _says(cases, started.key, "waits to ask for the reply of users to one: "))
        assert (await cases.show(started.key)).info.status is CaseStatus.WAITING
        # Then it goes on when the broker is there
        await asyncio.to_thread(own_broker.start)
        async with service(own_broker.url, "users", lambda message: message.headers["command"]) as asked:
            detail = await ended(cases, started.key)
    assert detail.result == ["one", "two"]
    assert len({message.id for message in asked}) == len(asked) == 2


async def _says(cases: CaseManager, key: int, message: str) -> bool:
    return (await cases.show(key)).info.message is not None and message in str(
        (await cases.show(key)).info.message
    )


async def test_a_broker_that_goes_away_in_the_middle(sqlite_url: str, own_broker: RabbitMQ) -> None:
    async with running(sqlite_url, Ask, broker=own_broker.url) as cases:
        # Given requests that lie in the broker, and replies
        async with connect(own_broker.url) as transport:
            await transport.declare(service_queue("users"))
        started = [await cases.start(Ask) for _ in range(10)]
        for one in started:
            await until(lambda key=one.key: _says(cases, key, "waits for the reply of users to one"))
        # When it is restarted
        await asyncio.to_thread(own_broker.stop)
        await asyncio.to_thread(own_broker.start)
        # Then all cases come to their end
        async with service(own_broker.url, "users", lambda message: message.headers["command"]) as asked:
            details = await asyncio.gather(*(ended(cases, one.key) for one in started))
    assert [one.result for one in details] == [["one", "two"]] * 10
    assert len({message.id for message in asked}) == 20


async def test_a_request_waits_for_a_service_that_was_never_there(sqlite_url: str) -> None:
    async with running(sqlite_url, Ask) as cases:
        started = await cases.start(Ask)
        await until(lambda: _says(cases, started.key, "queue serviceQ.users does not exist"))
        async with service(cases.broker, "users", lambda message: 1):
            assert (await ended(cases, started.key)).result == [1, 1]


async def test_an_app_whose_broker_is_away_can_be_left(sqlite_url: str, own_broker: RabbitMQ) -> None:
    await asyncio.to_thread(own_broker.stop)
    async with asyncio.timeout(60):
        async with running(sqlite_url, Ask, broker=own_broker.url) as cases:
            started = await cases.start(Ask)
            await comes_to(cases, started.key, CaseStatus.WAITING)
    # Then the case is where it was, and goes on
    async with (
        running(sqlite_url, Ask) as cases,
        service(cases.broker, "users", lambda message: message.headers["command"]),
    ):
        assert (await ended(cases, started.key)).result == ["one", "two"]


async def test_a_reply_queue_with_another_limit_is_told_at_the_start(sqlite_url: str) -> None:
    async with connect(sqlite_url) as transport:
        await transport.declare(reply_queue("ask.v1"), delivery_limit=3)
    with pytest.raises(WrongState, match=r"serviceQ@ask\.v1 exists with other arguments"):
        async with running(sqlite_url, Ask):
            pass


async def test_leaving_waits_for_a_request_that_is_on_its_way(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a request that is just being published
    begun, go_on = asyncio.Event(), asyncio.Event()
    publish = Sender.send

    async def slowly(self: Sender, queue: str, message: Any) -> Any:
        begun.set()
        await go_on.wait()
        return await publish(self, queue, message)

    monkeypatch.setattr(Sender, "send", slowly)
    async with running(sqlite_url, Ask) as cases, connect(cases.broker) as transport:
        await transport.declare(service_queue("users"))
        started = await cases.start(Ask)
        await begun.wait()
        asyncio.get_running_loop().call_later(0.2, go_on.set)
    # When the app is left, then it is sent, and that is known
    monkeypatch.undo()
    async with (
        running(sqlite_url, Ask) as cases,
        service(cases.broker, "users", lambda message: message.headers["command"]) as asked,
    ):
        assert (await ended(cases, started.key)).result == ["one", "two"]
    assert [message.headers["command"] for message in asked] == ["one", "two"]
