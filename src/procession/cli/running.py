"""`procession worker`, and what it shares with `procession up`: both run until they are told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import importlib
import os
import signal
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Protocol, TypeVar

import typer

from procession.cli.credentials import from_environment
from procession.cli.options import Format, OutputFormat
from procession.cli.output import print_json, print_text
from procession.errors import InvalidInput, ProcessionError

if TYPE_CHECKING:
    from procession import Procession, Readiness

WATCH_SECONDS = 1.0


def worker(
    target: Annotated[str, typer.Argument(metavar="MODULE:APP", help="Where the Procession app is.")],
    db: Annotated[
        str | None,
        typer.Option(
            "--db",
            envvar="PROCESSION_DB",
            metavar="URL",
            help="Database or server to use in place of the app's own.",
        ),
    ] = None,
    upgrade: Annotated[
        bool | None,
        typer.Option(
            "--upgrade/--no-upgrade",
            envvar="PROCESSION_UPGRADE",
            help="Make or upgrade the tables if need be, or leave that to `procession db upgrade`; "
            "otherwise as the app says.",
        ),
    ] = None,
    format: Format = OutputFormat.TABLE,
) -> None:
    """Run an app's handlers, until SIGINT or SIGTERM.

    The module is looked for in the current directory first. On a signal no more jobs are taken,
    handlers get the app's grace time to finish, and other leases are given back.

    \b
    Examples:
      procession worker orders:app
      procession worker shop.workers:app --db sqlite:///orders.db
      procession worker shop.workers:app --db grpc://zeebe:26500
    """
    from procession import Procession
    from procession.client.remote import is_remote

    app = load(target, Procession)
    if db is not None:
        app.url = db
    if is_remote(app.url) and app.credentials is None:
        app.credentials = from_environment()
    if upgrade is not None:
        app.upgrade = upgrade
    asyncio.run(serve(app, announce, format))


class Runnable(Protocol):
    """What runs between entering and leaving it, and says whether it can."""

    async def __aenter__(self) -> Any: ...

    async def __aexit__(self, *error: Any) -> None: ...

    def readiness(self) -> Readiness: ...


R = TypeVar("R", bound=Runnable)
T = TypeVar("T")


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


def load(target: str, kind: type[T]) -> T:
    """Import the app named `module:attribute`.

    Raises:
        InvalidInput: there is no such module or attribute, or it is no `kind`.
        ProcessionError: importing it failed.
    """
    name, _, attribute = target.partition(":")
    if not name or not attribute:
        raise InvalidInput(f"{target!r} names no app; write MODULE:APP, for example orders:app")
    sys.path.insert(0, os.getcwd())
    module = _import(name)
    app = getattr(module, attribute, None)
    if not isinstance(app, kind):
        found = "has no" if app is None else f"is a {type(app).__name__} at"
        raise InvalidInput(f"module {name!r} {found} {attribute!r}; it must be a {kind.__name__}")
    return app


def _import(name: str) -> object:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            raise InvalidInput(
                f"there is no module {name!r} in {os.getcwd()} or where Python looks for modules"
            ) from error
        raise ProcessionError(f"module {name!r} cannot be imported: {error}") from error
    except Exception as error:
        raise ProcessionError(
            f"module {name!r} cannot be imported: {type(error).__name__}: {error} "
            "(run `procession --debug worker ...` to see where)"
        ) from error
