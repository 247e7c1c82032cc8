"""Gateways and servers as processes of their own, killed at the latest when the test ends."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from asyncio.subprocess import PIPE, Process
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[3]
PATIENCE = 120.0


class Crew:
    """The processes of a test."""

    def __init__(self, database: str, folder: Path) -> None:
        self._database = database
        self._folder = folder
        self._running: list[Process] = []

    async def servers(self, builds: Sequence[str], *serves: str) -> list[Process]:
        """One server per build, once all are announced."""
        return await asyncio.gather(*(self._server(build, *serves) for build in builds))

    async def _server(self, build: str, *serves: str) -> Process:
        """A server, once it is announced."""
        journal = str(self._folder / "journal")
        module = "tests.integration.blue_green.upstream"
        process, line = await self._start("-m", module, self._database, build, journal, *serves)
        assert line == "ready"
        return process

    async def case_server(self, build: str, api: str, key: str) -> Process:
        """A server of the business case in `bank.py`, once it is announced."""
        process, line = await self._start(
            *("-m", "procession.cli", "case", "serve", "tests.integration.blue_green.bank:app"),
            *("--http", "0", "--format", "json"),
            BUILD=build,
            API=api,
            PROCESSION_DB=self._database,
            PROCESSION_CASE_KEYS=key,
        )
        assert line == "{"
        return process

    async def gateways(self, count: int) -> list[str]:
        """The URLs of so many gateways, once they listen."""
        return await asyncio.gather(*(self._gateway() for _ in range(count)))

    async def _gateway(self) -> str:
        """The URL of a gateway, once it listens."""
        process, line = await self._start(
            "-m", "procession.cli", "gateway", "--db", self._database, "--http", "0"
        )
        assert process.stdout is not None
        while (found := re.search(r"http://[\d.:]+", line)) is None:
            assert process.returncode is None, line
            line = (await asyncio.wait_for(process.stdout.readline(), PATIENCE)).decode()
        return found.group()

    async def _start(self, *arguments: str, **environment: str) -> tuple[Process, str]:
        process = await asyncio.create_subprocess_exec(
            sys.executable, *arguments, stdout=PIPE, cwd=ROOT, env=os.environ | environment
        )
        self._running.append(process)
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), PATIENCE)
        return process, line.decode().strip()

    def carried_out(self) -> Counter[str]:
        """How often each command was."""
        journal = (self._folder / "journal").read_text().splitlines()
        return Counter(line.split()[0] for line in journal)

    async def close(self) -> None:
        for process in self._running:
            if process.returncode is None:
                process.kill()
            await process.wait()


async def ended(process: Process) -> int:
    return await asyncio.wait_for(process.wait(), PATIENCE)
