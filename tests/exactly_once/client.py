"""Who asks the service: sends requests for as long as it is asked to, and collects the answers."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from uuid import UUID

from procession.messaging import Addressed, Consumer, Message, Transport

from .service import ANSWERS, NEVER, REQUESTS

UNDER_WAY = 60
"""Requests without an answer at a time, so that there is always something to kill a service at."""
TWICE = 0.1
"""The share of requests that are sent twice."""
LOST_AFTER = 30.0


class Client:
    """Requests and answers."""

    def __init__(self, transport: Transport, chance: random.Random) -> None:
        self._transport = transport
        self._chance = chance
        self.requests: dict[str, int] = {}
        """Ids and amounts of all that were sent."""
        self.answers: defaultdict[str, set[str]] = defaultdict(set)
        """The ids of the answers to each request."""
        self.deliveries = 0
        self._answered = asyncio.Event()

    async def send_until(self, enough: asyncio.Event) -> None:
        """Send requests while too few are under way, and then wait for all answers."""
        async with Consumer(self._transport, ANSWERS, self._take, prefetch=50, delivery_limit=NEVER):
            while not enough.is_set():
                if len(self.requests) - len(self.answers) < UNDER_WAY:
                    await self._send([self._request() for _ in range(10)])
                else:
                    await self._wait(0.5)
            while missing := self.requests.keys() - self.answers.keys():
                await self._wait(LOST_AFTER, missing)

    def _request(self) -> Message:
        message = Message.with_json(
            self._chance.randint(1, 1000),
            id=UUID(int=self._chance.getrandbits(128)).hex,
            reply_to=ANSWERS,
        )
        self.requests[message.id] = message.json(int)
        return message

    async def _send(self, messages: list[Message]) -> None:
        messages += [message for message in messages if self._chance.random() < TWICE]
        while messages:
            answers = await self._transport.publish([Addressed(REQUESTS, message) for message in messages])
            messages = [one for one, fault in zip(messages, answers, strict=True) if fault is not None]
            if messages:
                await asyncio.sleep(0.2)

    async def _take(self, message: Message) -> None:
        assert message.correlation is not None
        assert message.json() == {"applied": message.correlation}
        self.answers[message.correlation].add(message.id)
        self.deliveries += 1
        self._answered.set()

    async def _wait(self, seconds: float, missing: set[str] | None = None) -> None:
        self._answered.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._answered.wait()
        except TimeoutError:
            if missing:
                raise AssertionError(
                    f"no answers came to {len(missing)} requests: {sorted(missing)[:5]}"
                ) from None
