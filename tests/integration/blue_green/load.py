"""Clients that ask gateways without a pause, and remember every answer."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

import httpx

PATIENCE = 120.0
"""Seconds nothing here should ever need."""
KEYED, PLAIN, READ = "keyed", "plain", "read"


class Load:
    """Clients with connections that stay, spread over gateways; a third each of three kinds of requests."""

    def __init__(
        self, gateways: Sequence[str], clients: int, kinds: Sequence[str] = (READ, PLAIN, KEYED)
    ) -> None:
        self._gateways = gateways
        self._clients = clients
        self._kinds = kinds
        self._numbers = itertools.count(1)
        self.apis = ["v1"]
        """What is asked for; may be changed at any time."""
        self.builds: list[tuple[str, str]] = []
        """Api and build of each answer, in the order they came."""
        self.done: dict[str, set[str]] = {KEYED: set(), PLAIN: set()}
        """Commands that were answered."""
        self.failures: list[tuple[str, str, str]] = []
        """Kind, command and what happened instead of an answer."""

    async def __aenter__(self) -> Self:
        self._stack = AsyncExitStack()
        self._end = asyncio.Event()
        self._tasks = [
            asyncio.create_task(self._client(self._gateways[number % len(self._gateways)]))
            for number in range(self._clients)
        ]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.set()
        await asyncio.gather(*self._tasks)

    async def _client(self, gateway: str) -> None:
        async with httpx.AsyncClient(base_url=gateway, timeout=PATIENCE, trust_env=False) as client:
            while not self._end.is_set():
                number = next(self._numbers)
                await self._ask(client, number, self._kinds[number % len(self._kinds)])

    async def _ask(self, client: httpx.AsyncClient, number: int, kind: str) -> None:
        api = self.apis[number // len(self._kinds) % len(self.apis)]
        command = f"c{number}"
        headers = {"Idempotency-Key": command} if kind == KEYED else {}
        try:
            if kind == READ:
                response = await client.get(f"/open-account/{api}/build")
            else:
                response = await client.post(f"/open-account/{api}/commands/{command}", headers=headers)
        except httpx.TransportError as fault:
            self.failures.append((kind, command, repr(fault)))
            return
        if response.is_success:
            found = response.json()
            self.builds.append((found["api"], found["build"]))
            self.done.get(kind, set()).add(command)
        else:
            self.failures.append((kind, command, f"{response.status_code} {response.text}"))

    async def more(self, count: int, build: str | None = None, api: str | None = None) -> None:
        """Wait for so many more answers (of a build, of an api)."""
        seen, deadline = len(self.builds), time.monotonic() + PATIENCE
        while True:
            new = Counter(self.builds[seen:])
            fitting = (n for (of, by), n in new.items() if build in (None, by) and api in (None, of))
            if sum(fitting) >= count:
                return
            assert time.monotonic() < deadline, f"only {new} came, and {self.failures[-5:]}"
            await asyncio.sleep(0.05)
