"""The side of a node that other threads see: what is asked waits here for the node's thread."""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from typing import Any

import msgspec

from procession.broker.forks import forks
from procession.broker.inbox import Inbox
from procession.broker.jobs import JobStream
from procession.broker.keys import KeySource
from procession.broker.queue import SubmissionQueue
from procession.broker.replies import Refused, Submission, Watch
from procession.broker.wakeup import Hint
from procession.engine import commands as c
from procession.errors import NotReady, ResourceExhausted

QUEUE_LIMIT = 20_000
"""Submissions in waiting beyond which new work is refused; answers to jobs never are."""
ALWAYS_ADMITTED = (
    c.CompleteJob,
    c.FailJob,
    c.ThrowError,
    c.CancelInstance,
    c.AbandonInstance,
    c.Deploy,
    c.ReleaseJob,
)
FORKED = (
    "this app was opened before the process forked; open another one in the child "
    "(for a prefork web server: in its post-fork hook)"
)


class StreamRequest(msgspec.Struct, eq=False):
    """A change of a job stream."""

    stream: JobStream
    opens: bool = False
    credits: int = 0
    closed: asyncio.Future[None] | None = None
    inbox: Inbox | None = None


class Bell(msgspec.Struct, eq=False):
    """Somebody wants to know when there may be a job of a type."""

    type: str
    future: asyncio.Future[None]
    inbox: Inbox


class Intake:
    """Thread-safe. Everything raises `NotReady` when the node does not run, or in a fork of its process."""

    def __init__(self, keys: KeySource) -> None:
        self._keys = keys
        self._queue = SubmissionQueue()
        self._requests: deque[StreamRequest] = deque()
        self._watches: deque[Watch] = deque()
        self._forgotten: deque[tuple[int, asyncio.Future[Any]]] = deque()
        self._hints: deque[Hint] = deque()
        self._bells: deque[Bell] = deque()
        self._key_askers: deque[tuple[asyncio.Future[int], Inbox]] = deque()
        self._idlers: deque[tuple[asyncio.Future[None], Inbox]] = deque()
        self._wake_in, self._wake_out = socket.socketpair()
        self._wake_in.setblocking(False)
        self._wake_out.setblocking(False)
        self._asleep = False
        self._started = False
        self._stopping = False
        self._born = forks.count

    def submit(self, command: c.Command, inbox: Inbox, size: int = 0) -> asyncio.Future[Any]:
        """Queue a command; the future (of the inbox's loop) is settled after its commit.

        Raises:
            InvalidInput: a name or key in it cannot be stored.
            ResourceExhausted: too much is waiting already.
        """
        future: asyncio.Future[Any] = inbox.loop.create_future()
        self._admit(Submission(command, future, inbox, size))
        return future

    def run(
        self, command: c.StartInstance, inbox: Inbox, size: int = 0
    ) -> tuple[asyncio.Future[c.Started], asyncio.Future[dict[str, str]]]:
        """Queue a start, and watch the instance it makes: what `submit` and then `watch` answer, without
        a second batch. The second future is settled only if the first one is, without an error.

        Raises:
            InvalidInput, ResourceExhausted: as `submit`.
        """
        started: asyncio.Future[c.Started] = inbox.loop.create_future()
        ended: asyncio.Future[dict[str, str]] = inbox.loop.create_future()
        self._admit(Submission(command, started, inbox, size, ended=ended))
        return started, ended

    def _admit(self, submission: Submission) -> None:
        self._check()
        c.check(submission.command)
        if len(self._queue) >= QUEUE_LIMIT and not isinstance(submission.command, ALWAYS_ADMITTED):
            raise ResourceExhausted(f"{len(self._queue)} commands are waiting on this node; try again later")
        self._queue.append(submission)
        self._wake_if_asleep()

    def tell(
        self,
        command: c.Command,
        inbox: Inbox,
        refused: Refused | None = None,
        *,
        about: Any = None,
        frees: JobStream | None = None,
    ) -> None:
        """Queue a command nobody waits for; `refused` hears of it, with `about`, only if it fails.

        `frees` is the stream whose job this answers: it can take another one.

        Raises:
            InvalidInput: a name or key in it cannot be stored.
        """
        self._check()
        c.check(command)
        self._queue.append(Submission(command, None, inbox, 0, refused, about, frees))
        self._wake_if_asleep()

    def set_key_aside(self) -> int:
        """A key for a record that a caller writes on its own connection.

        Raises:
            ResourceExhausted: none is at hand; the node takes new ones at once, so try again.
        """
        self._check()
        try:
            return self._keys.set_aside()
        finally:
            if self._keys.low:
                self._wake_if_asleep()

    def next_key(self, inbox: Inbox) -> asyncio.Future[int]:
        """A future for a key above all those that any node has taken until now.

        Of two that are asked for one after the other, on whatever nodes, the later is the higher. It fails
        with `StorageError`.
        """
        self._check()
        future: asyncio.Future[int] = inbox.loop.create_future()
        self._key_askers.append((future, inbox))
        self._wake_if_asleep()
        return future

    def when_jobs(self, type_: str, inbox: Inbox) -> asyncio.Future[None]:
        """A future settled when a job of the type may have been made since this was called, by any node.

        It is a hint that may be lost, or come for nothing. Cancel it when nobody waits any more.
        """
        self._check()
        future: asyncio.Future[None] = inbox.loop.create_future()
        self._bells.append(Bell(type_, future, inbox))
        return future

    def watch(self, key: int, inbox: Inbox) -> asyncio.Future[dict[str, str]]:
        """A future for the root variables (JSON texts) of an instance, settled when it has ended.

        It fails with `NotFound`, or `Aborted` if the instance was terminated.
        """
        self._check()
        future: asyncio.Future[dict[str, str]] = inbox.loop.create_future()
        self._watches.append(Watch(key, future, inbox))
        self._wake_if_asleep()
        return future

    def forget(self, key: int, watched: asyncio.Future[dict[str, str]]) -> None:
        """Nobody waits for what `watch` answered any more."""
        if not self._stopping:
            self._forgotten.append((key, watched))

    def open_stream(self, stream: JobStream) -> None:
        self._ask(StreamRequest(stream, opens=True))

    def request(self, stream: JobStream, count: int) -> None:
        """Let the stream take `count` more jobs."""
        self._check()
        self._requests.append(StreamRequest(stream, credits=count))
        # A node that sleeps while the stream has room has nothing for it.
        if stream.credits <= 0:
            self._wake_if_asleep()

    def close_stream(self, stream: JobStream, inbox: Inbox) -> asyncio.Future[None]:
        """Hand nothing more to the stream; the future is settled when that is certain."""
        closed: asyncio.Future[None] = inbox.loop.create_future()
        self._ask(StreamRequest(stream, closed=closed, inbox=inbox))
        return closed

    def nudge(self, hint: Hint) -> None:
        """There may be something to do."""
        self._hints.append(hint)
        self._wake()

    def when_idle(self, inbox: Inbox) -> asyncio.Future[None]:
        """A future settled when the node has looked at everything and nothing is left that it could do.

        What is due later, or is with a worker, is not waited for. This is what test harnesses need.
        """
        self._check()
        idle: asyncio.Future[None] = inbox.loop.create_future()
        self._hints.append(Hint(all=True))
        self._idlers.append((idle, inbox))
        self._wake()
        return idle

    def _ask(self, request: StreamRequest) -> None:
        self._check()
        self._requests.append(request)
        self._wake_if_asleep()

    def _check(self) -> None:
        if self._born != forks.count:
            raise NotReady(FORKED)
        if self._stopping or not self._started:
            raise NotReady("the node is not running; enter the app's context first")

    def _wake_if_asleep(self) -> None:
        if self._asleep:
            self._wake()

    def _wake(self) -> None:
        try:
            self._wake_out.send(b"!")
        except OSError:
            return  # it is awake, or closed
