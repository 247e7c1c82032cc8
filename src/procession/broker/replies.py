"""What a batch owes to those who wait: gathered per event loop, sent after the commit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec

from procession.broker.inbox import Inbox, Settled
from procession.broker.jobs import JobStream
from procession.engine import commands as c
from procession.errors import ProcessionError

Refused = Callable[[Any, c.Command, ProcessionError], object]
"""Is told what the command was about, the command, and why it failed."""


class Submission(msgspec.Struct, eq=False, gc=False):
    """A command that was asked for."""

    command: c.Command
    future: asyncio.Future[Any] | None
    inbox: Inbox
    size: int
    refused: Refused | None = None
    """Called on the inbox's loop when there is no future and the command fails."""
    about: Any = None
    """What `refused` needs to know."""
    frees: JobStream | None = None
    """The answer to a job: its stream can take another one."""
    ended: asyncio.Future[dict[str, str]] | None = None
    """Of who waits for the end of the instance that it starts."""


class Watch(msgspec.Struct, eq=False, gc=False):
    """Somebody waits for an instance to end."""

    key: int
    future: asyncio.Future[Any]
    inbox: Inbox


class Replies:
    """Collects answers; `post` costs each event loop one wake-up."""

    def __init__(self) -> None:
        self._settled: dict[Inbox, list[Settled]] = {}

    def answer(self, submission: Submission, reply: Any, error: ProcessionError | None) -> None:
        if submission.future is not None:
            self._add(submission.inbox, submission.future, reply, error)
        elif error is not None and submission.refused is not None:
            submission.inbox.call(submission.refused, submission.about, submission.command, error)

    def ended(self, watch: Watch, result: dict[str, str] | ProcessionError) -> None:
        error = result if isinstance(result, ProcessionError) else None
        self._add(watch.inbox, watch.future, result, error)

    def _add(
        self, inbox: Inbox, future: asyncio.Future[Any], reply: Any, error: ProcessionError | None
    ) -> None:
        self._settled.setdefault(inbox, []).append((future, reply, error))

    def post(self) -> None:
        for inbox, items in self._settled.items():
            inbox.post(items)
