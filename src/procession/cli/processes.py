"""`procession up --processes`: one parent that opens nothing, and children that each are a node.

A child gets the parent's lease of life through its standard input: where that ends, the parent has died.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Sequence

from procession.errors import ProcessionError

log = logging.getLogger("procession.cli")

AGAIN_SECONDS = 1.0
"""After which a child that has died is started again."""
STOP_SECONDS = 15.0
"""After which children that were told to stop are killed."""

STDIN = 0

Say = Callable[[int, str], None]
"""Passes on what a process says: its id, and a line."""


def reserve(host: str, port: int) -> socket.socket:
    """A bound socket that keeps a port for the children, and takes no connection itself.

    Raises:
        ProcessionError: nothing can listen there.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise ProcessionError(f"nothing can listen on {host}:{port}: {error.strerror}") from None
    return bound


class Children:
    """So many processes of one command. Each says in a line of its output that it is ready."""

    def __init__(self, command: Sequence[str], count: int, say: Say) -> None:
        self._command = command
        self._count = count
        self._say = say
        self._stop = asyncio.Event()
        self._running: set[Process] = set()

    async def run(self, ready: Callable[[list[int]], None]) -> None:
        """Until SIGINT or SIGTERM. `ready` is told the process ids once all are there.

        Raises:
            ProcessionError: a child cannot start; it has said why.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop.set)
        try:
            # The first one makes the tables; where it fails the others need not try.
            processes = [await self._start()]
            processes += await asyncio.gather(*(self._start() for _ in range(self._count - 1)))
            if not self._stop.is_set():
                ready([process.pid for process in processes])
            keepers = [asyncio.create_task(self._keep(process)) for process in processes]
            await self._stop.wait()
        finally:
            self._stop.set()
            await self._end()
        await asyncio.gather(*keepers)

    async def _start(self) -> Process:
        process = await asyncio.create_subprocess_exec(*self._command, stdin=PIPE, stdout=PIPE)
        self._running.add(process)
        if self._stop.is_set():  # since it was begun: nobody else tells it
            process.send_signal(signal.SIGTERM)
        assert process.stdout is not None
        if not await process.stdout.readline() and not self._stop.is_set():
            self._running.discard(process)
            raise ProcessionError(f"a process could not start (exit code {await process.wait()})")
        return process

    async def _keep(self, process: Process) -> None:
        """Pass on what a child says; start another one when it dies."""
        while True:
            assert process.stdout is not None
            async for line in process.stdout:
                self._say(process.pid, line.decode().rstrip("\n"))
            code = await process.wait()
            self._running.discard(process)
            if self._stop.is_set():
                return
            log.error("process %d ended (exit code %d); starting another one", process.pid, code)
            started = await self._start_again()
            if started is None:
                return
            process = started
            self._say(process.pid, "Ready, in place of one that ended.")

    async def _start_again(self) -> Process | None:
        """None if they were told to stop meanwhile."""
        while not self._stop.is_set():
            try:
                return await self._start()
            except ProcessionError as error:
                log.error("%s; trying again", error.message)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), AGAIN_SECONDS)
        return None

    async def _end(self) -> None:
        for process in self._running:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
        waits = [asyncio.ensure_future(process.wait()) for process in self._running]
        if not waits:
            return
        _, late = await asyncio.wait(waits, timeout=STOP_SECONDS)
        for process in self._running if late else ():
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        await asyncio.gather(*waits)


def when_orphaned(stop: Callable[[], None]) -> None:
    """In a child: call `stop` when the parent is gone. Needs a running event loop."""
    loop = asyncio.get_running_loop()

    def look() -> None:
        if not os.read(STDIN, 1):
            loop.remove_reader(STDIN)
            stop()

    loop.add_reader(STDIN, look)
