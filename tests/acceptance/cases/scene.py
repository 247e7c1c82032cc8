"""What the tests of business cases have in common."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from procession import Procession
from procession.messaging import Addressed, Consumer, Message, Transport, connect
from procession.process import RetryPolicy
from procession.process.cases import (
    BusinessCase,
    CaseDetail,
    CaseManager,
    CaseStatus,
    new_key,
    service_queue,
)

KEYS = [new_key("test")]
AT_ONCE = RetryPolicy(attempts=3, wait=timedelta(0))
PATIENCE = timedelta(seconds=60)


@asynccontextmanager
async def running(url: str, *kinds: type[BusinessCase], **options: Any) -> AsyncIterator[CaseManager]:
    """An app with these cases."""
    manager = CaseManager(Procession(url, grace=timedelta(seconds=5)), **{"keys": KEYS, **options})
    manager.register(*kinds)
    async with manager.app:
        yield manager


async def ended(manager: CaseManager, key: int) -> CaseDetail:
    """The case when it has ended; an error if that takes too long."""
    detail = await manager.wait(key, PATIENCE)
    assert detail.info.ended_at is not None, detail
    return detail


async def comes_to(manager: CaseManager, key: int, status: CaseStatus) -> CaseDetail:
    """The case when it has this status."""
    async with asyncio.timeout(PATIENCE.total_seconds()):
        async for detail in manager.follow(key):
            if detail.info.status is status:
                return detail
    raise AssertionError(f"it ended before it was {status}: {detail}")


async def until(condition: Callable[[], Any]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(PATIENCE.total_seconds()):
        while True:
            found = condition()
            if await found if inspect.isawaitable(found) else found:
                return
            await asyncio.sleep(0.02)


async def send(transport: Transport, queue: str, *messages: Message) -> None:
    """Publish messages."""
    answers = await transport.publish([Addressed(queue, message) for message in messages])
    assert answers == [None] * len(messages), answers


@asynccontextmanager
async def service(broker: str, name: str, answer: Callable[[Message], Any]) -> AsyncIterator[list[Message]]:
    """A service that answers each message; the messages it got are listed."""
    got: list[Message] = []
    async with connect(broker) as transport:

        async def handle(message: Message) -> None:
            got.append(message)
            assert message.reply_to is not None
            reply = message.answer(answer(message))
            [error] = await transport.publish([Addressed(message.reply_to, reply)])
            assert error is None, error

        async with Consumer(transport, service_queue(name), handle):
            yield got
