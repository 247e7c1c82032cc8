"""The two servers a scenario runs on: where they are, and how to learn what became of it there."""

from __future__ import annotations

import asyncio
import itertools
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import grpc.aio
from pyzeebe.proto import gateway_pb2 as pb
from pyzeebe.proto.gateway_pb2_grpc import GatewayStub

from tests.oracle.our_state import Database
from tests.oracle.recorder import BULK_SIZE
from tests.oracle.state import State
from tests.oracle.zeebe_state import Stories

QUIET_SECONDS = 0.15
"""Nothing happens for so long: then a scenario has come to rest."""
PATIENCE_SECONDS = 60.0
_POLL_SECONDS = 0.02

_numbers = itertools.count(1)


class Side(ABC):
    """A server, and a look into it. `patience` stretches the time that counts as rest."""

    name: str

    def __init__(self, address: str, *, patience: float = 1.0) -> None:
        self._channel = grpc.aio.insecure_channel(address)
        self.stub = GatewayStub(self._channel)
        self.quiet = QUIET_SECONDS * patience

    async def close(self) -> None:
        await self._channel.close()

    @abstractmethod
    def read(self, suffix: str, question: Callable[[State], Any]) -> Any:
        """What `question` answers about the scenario whose names end in `suffix`."""

    @abstractmethod
    async def settle(self, suffix: str) -> list[str]:
        """Wait until the scenario has come to rest. The lines of its state then."""

    async def _barrier(self, times: int = 1) -> str:
        """A message nobody waits for, published after everything else. Its name."""
        name = f"barrier-{next(_numbers)}-{time.time_ns()}"
        request = pb.PublishMessageRequest(name=name, correlationKey="-", timeToLive=0, variables="{}")
        await asyncio.gather(*(self.stub.PublishMessage(request) for _ in range(times)))
        return name


class ZeebeSide(Side):
    name = "zeebe"

    def __init__(self, address: str, stories: Stories, *, patience: float = 1.0) -> None:
        super().__init__(address, patience=patience)
        self._stories = stories

    def read(self, suffix: str, question: Callable[[State], Any]) -> Any:
        return self._stories.read(suffix, question)

    async def settle(self, suffix: str) -> list[str]:
        while await self._moment() - self._stories.story(suffix).changed < self.quiet * 1000:
            pass
        return self._stories.lines(suffix)

    async def _moment(self) -> int:
        """A little later: the broker's time then, with all that was recorded before it read."""
        await asyncio.sleep(self.quiet)
        barrier = await self._barrier(BULK_SIZE)  # enough to be sent at once
        async with asyncio.timeout(PATIENCE_SECONDS):
            while barrier not in self._stories.published:  # noqa: ASYNC110 (another thread adds it)
                await asyncio.sleep(_POLL_SECONDS)
        return self._stories.published[barrier]


class OurSide(Side):
    name = "procession"

    def __init__(self, address: str, database: Database, *, patience: float = 1.0) -> None:
        super().__init__(address, patience=patience)
        self._database = database

    def read(self, suffix: str, question: Callable[[State], Any]) -> Any:
        return question(self._database.state(suffix))

    async def settle(self, suffix: str) -> list[str]:
        await self._barrier()
        lines: list[str] = []
        since = time.monotonic()
        async with asyncio.timeout(PATIENCE_SECONDS):
            while time.monotonic() - since < self.quiet:
                now = self._database.state(suffix).lines()
                if now != lines:
                    lines, since = now, time.monotonic()
                await asyncio.sleep(_POLL_SECONDS)
        return lines
