"""Processes that cost milliseconds, for tests that kill hundreds: one interpreter loads everything and forks.

The test has a `ForkServer` of a module, which calls `serve` when it is run.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import msgspec

T = TypeVar("T")


class ForkServer:
    """A process that forks others; their log is `log`.

    A process is answered as a descriptor (pidfd), which stays the same process's when its number is used
    again. Close it when the process has ended.
    """

    def __init__(self, module: str, log: Path, environment: Mapping[str, str] | None = None) -> None:
        with log.open("ab") as file:
            self._process = subprocess.Popen(
                [sys.executable, "-m", module],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=file,
                env=environment,
                start_new_session=True,
            )
        self._one_at_a_time = asyncio.Lock()

    async def fork(self, told: msgspec.Struct) -> int:
        """A new process that is told this."""
        async with self._one_at_a_time:
            return await asyncio.to_thread(self._fork, told)

    def _fork(self, told: msgspec.Struct) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(msgspec.json.encode(told) + b"\n")
        self._process.stdin.flush()
        return os.pidfd_open(int(self._process.stdout.readline()))

    def close(self) -> None:
        """Kill it and all that it forked."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.communicate()


def serve(kind: type[T], live: Callable[[T], Coroutine[Any, Any, None]], name: Callable[[T], str]) -> None:
    """Fork a process for each line of standard input, which is a `kind` as JSON; answer with its number.

    Each runs `live`; `name` says who it is in the log.
    """
    for line in sys.stdin:
        told = msgspec.json.decode(line, type=kind)
        _bury()
        number = os.fork()
        if number == 0:
            _live(live(told), name(told))
        print(number, flush=True)


def _bury() -> None:
    """Forget those that have ended: not earlier, as the last one's number is still to be looked up."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _live(life: Coroutine[Any, Any, None], name: str) -> NoReturn:
    code = 1
    try:
        logging.basicConfig(level=logging.ERROR, format=f"%(asctime)s {name}: %(message)s", force=True)
        logging.getLogger("aiormq").setLevel(logging.CRITICAL)
        asyncio.run(life)
        code = 0
    except BaseException:
        logging.exception("it ended")
    finally:
        os._exit(code)


async def until_asked_to_end() -> None:
    """Wait for SIGTERM."""
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    await stopping.wait()


def die() -> NoReturn:
    """Kill this process; nothing more happens in this thread."""
    while True:
        os.kill(os.getpid(), signal.SIGKILL)
        signal.pause()  # the signal may take a moment to arrive


async def ended(process: int, seconds: float) -> bool:
    """Whether a process ends in time."""
    loop = asyncio.get_running_loop()
    over = asyncio.Event()
    loop.add_reader(process, over.set)
    try:
        async with asyncio.timeout(seconds):
            await over.wait()
    except TimeoutError:
        return False
    finally:
        loop.remove_reader(process)
    return True
