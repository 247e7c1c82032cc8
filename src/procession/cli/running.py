"""What `procession up`, `worker` and `gateway` share: they run until they are told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from procession.cli.options import OutputFormat
from procession.cli.output import print_json, print_text

if TYPE_CHECKING:
    from procession import Procession, Readiness

WATCH_SECONDS = 1.0


class Runnable(Protocol):
    """What runs between entering and leaving it, and says whether it can."""

    async def __aenter__(self) -> Any: ...

    async def __aexit__(self, *error: Any) -> None: ...

    def readiness(self) -> Readiness: ...


R = TypeVar("R", bound=Runnable)


async def serve(
    app: R,
    announce: Callable[[R, OutputFormat], None],
    format: OutputFormat,
    *,
    told: Callable[[Callable[[], None]], None] | None = None,
) -> None:
    """Run something until SIGINT or SIGTERM; say what runs, and what becomes of it.

    `told` gets a function that ends it too.
    """
    stop = asyncio.Event()
    if told is not None:
        told(stop.set)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with app:
        gc.collect()
        gc.freeze()  # what is loaded now stays: the collector need not look at it again
        announce(app, format)
        sys.stdout.flush()
        await _watch(app, stop, format)
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)  # a second signal ends it at once
        say("Stopping ...", format)
    say("Stopped.", format)


async def _watch(app: Runnable, stop: asyncio.Event, format: OutputFormat) -> None:
    """Say when it is not ready any more, and when it is again, until it is told to stop."""
    was_ready = True
    while not stop.is_set():
        found = app.readiness()
        if found.ready != was_ready:
            was_ready = found.ready
            if format is OutputFormat.JSON:
                print_json(found)
            else:
                print_text("Ready again." if found.ready else f"Not ready: {found.reason}")
            sys.stdout.flush()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), WATCH_SECONDS)


def announce(app: Procession, format: OutputFormat) -> None:
    """Say what runs and how to connect to it."""
    from procession import __version__
    from procession.client.remote import is_remote, shown
    from procession.storage.searches import full_name

    remote = is_remote(app.url)
    url = shown(app.url) if remote else full_name(app.url)  # in full, for those who connect from elsewhere
    if format is OutputFormat.JSON:
        where = "server" if remote else "database"
        print_json({"version": __version__, where: url, "tasks": list(app.tasks), "pid": os.getpid()})
    else:
        work = (
            f"Handles:  {', '.join(app.tasks)}"
            if app.tasks
            else "Handles:  no jobs (see `procession worker`)"
        )
        print_text(
            f"Procession {__version__} runs, process {os.getpid()}. Stop it with Ctrl-C.",
            f"Server:   {url}" if remote else f"Database: {url}",
            work,
            f'Connect:  Procession("{url}") in Python'
            + ("" if remote else f", or `procession status --db {url}`"),
        )


def say(text: str, format: OutputFormat) -> None:
    """Say something to people; programs read the process's end."""
    if format is OutputFormat.TABLE:
        print_text(text)
        sys.stdout.flush()
