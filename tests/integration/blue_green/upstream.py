"""A server of business cases as small as can be, a process of its own.

`python -m tests.integration.blue_green.upstream DATABASE BUILD JOURNAL CASE.API...` prints "ready" when
it is announced; on SIGTERM it drains, finishes what it holds, and ends. What it carries out it writes to
the journal first: one line of the command's id and its build.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import uvicorn
from litestar import Litestar, get, post

from procession.operations.registry import Registry, Served

DATABASE, BUILD, JOURNAL, *SERVES = sys.argv[1:] or ["", "", ""]
_journal = os.open(JOURNAL, os.O_WRONLY | os.O_APPEND | os.O_CREAT) if JOURNAL else -1


@post("/{case:str}/{api:str}/commands/{command:str}")
async def carry_out(case: str, api: str, command: str) -> dict[str, str]:
    """Does something that shows whether it was done twice."""
    await asyncio.sleep(0.002)
    os.write(_journal, f"{command} {BUILD}\n".encode())
    await asyncio.sleep(0.002)
    return {"command": command, "build": BUILD, "api": api}


@get("/{case:str}/{api:str}/build")
async def build(case: str, api: str) -> dict[str, str]:
    """Which build this is."""
    await asyncio.sleep(0.002)
    return {"build": BUILD, "api": api}


@get("/{case:str}/{api:str}/held")
async def held(case: str, api: str) -> dict[str, str]:
    """Waits until a file `go` is there: a long poll."""
    go = Path(JOURNAL).with_name("go")
    Path(JOURNAL).with_name(f"held-{BUILD}").touch()
    while not go.exists():  # noqa: ASYNC110 - another process makes it
        await asyncio.sleep(0.05)
    return {"build": BUILD, "api": api}


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def main() -> None:
    bound = socket.create_server(("127.0.0.1", 0), backlog=1024)
    url = f"http://127.0.0.1:{bound.getsockname()[1]}"
    app = Litestar([carry_out, build, held], openapi_config=None)
    server = _Server(uvicorn.Config(app, log_config=None, access_log=False))
    told = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
    serves = [(one.case, one.api) for one in map(Served.read, SERVES)]
    serving = asyncio.create_task(server.serve([bound]))
    async with Registry(DATABASE) as registry, registry.announce(serves=serves, url=url) as announced:
        print("ready", flush=True)
        await told.wait()
        await announced.drain()
        server.should_exit = True
        await serving


if __name__ == "__main__":
    asyncio.run(main())
