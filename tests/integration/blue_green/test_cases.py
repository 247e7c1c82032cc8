"""Business cases go on while a generation of their servers replaces another, under load."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Sequence
from typing import Any

import httpx

from procession.process.cases import new_key

from .processes import PATIENCE, Crew, ended

CLIENTS = 8
DELAYS = (0, 0.3, 6)
"""Seconds between a case's stages: some cross the change of generations."""
KEY = new_key("test")


class Clients:
    """They start cases of both apis without a pause, and wait for their results."""

    def __init__(self, gateways: Sequence[str]) -> None:
        self._gateways = gateways
        self._numbers = itertools.count()
        self._stop = asyncio.Event()
        self.failures: list[str] = []
        self.results: list[tuple[str, Any]] = []
        """Api, and what ran the stages, of each case that was started."""

    async def run(self) -> None:
        await asyncio.gather(*(self._client(number) for number in range(CLIENTS)))

    def stop(self) -> None:
        self._stop.set()

    async def _client(self, number: int) -> None:
        gateway = self._gateways[number % len(self._gateways)]
        async with httpx.AsyncClient(base_url=gateway, timeout=PATIENCE, trust_env=False) as client:
            while not self._stop.is_set():
                case = next(self._numbers)
                await self._case(client, f"v{1 + case % 2}", DELAYS[case % len(DELAYS)])

    async def _case(self, client: httpx.AsyncClient, api: str, delay: float) -> None:
        started = await client.post(f"/open-account/{api}", json=delay)
        if started.status_code != 202:
            self.failures.append(f"{started.status_code} {started.text}")
            return
        href, state = started.headers["location"], {}
        while state.get("ended_at") is None:
            shown = await client.get(href, params={"wait": 60})
            if shown.status_code != 200:
                self.failures.append(f"{shown.status_code} {shown.text}")
                return
            state = shown.json()
        self.results.append((api, state["result"]))

    async def more(self, count: int, *ran_by: str) -> None:
        """Wait for so many more results of cases that ended with one of these builds."""
        seen = len(self.results)
        async with asyncio.timeout(PATIENCE):
            while sum(result[-1] in ran_by for _, result in self.results[seen:]) < count:  # noqa: ASYNC110
                await asyncio.sleep(0.05)


async def test_no_case_is_lost_and_each_stage_is_run_by_its_api(any_crew: Crew) -> None:
    # Given a server of v1 and one of v2 behind two gateways, and clients of both
    crew = any_crew
    gateways = await crew.gateways(2)
    old = await crew.case_server("old", "v1", KEY)
    await crew.case_server("other", "v2", KEY)
    clients = Clients(gateways)
    running = asyncio.create_task(clients.run())
    await clients.more(10, "v1 old")
    await clients.more(10, "v2 other")

    # When another build of v1 starts, and the old one drains while requests keep coming
    await crew.case_server("new", "v1", KEY)
    await clients.more(10, "v1 new")
    old.terminate()
    assert await ended(old) == 0
    await clients.more(20, "v1 new")
    clients.stop()
    await running

    # Then no request failed, and every case that was started has its result
    assert clients.failures == []
    # and each stage was run by a server of its api, some cases by both builds
    pairs = Counter((api, *result) for api, result in clients.results)
    assert {pair for pair in pairs if pair[0] == "v2"} == {("v2", "v2 other", "v2 other")}
    assert {name for api, *result in pairs if api == "v1" for name in result} == {"v1 old", "v1 new"}
    assert clients.results[-1][1][-1] != "v1 old"
