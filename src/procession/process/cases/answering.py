"""Replies of services: only who was asked can answer, and each answer counts once."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from contextlib import suppress
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from procession.errors import (
    AlreadyExists,
    InvalidInput,
    NotFound,
    NotReady,
    ProcessionError,
    TaskIdRefused,
)
from procession.messaging import Message, Rejected
from procession.messaging.pauses import seconds_after
from procession.process.cases.blueprint import CaseBlueprint
from procession.process.cases.hiding import Hiding
from procession.process.cases.keys import Keyring
from procession.process.cases.progress import REPLY, Answered
from procession.process.cases.task_id import TaskId

if TYPE_CHECKING:
    from procession.client.app import Procession

log = logging.getLogger("procession.case")

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0
REMOTE_TTL = timedelta(hours=1)
"""A remote engine opens its subscriptions a moment later than it answers."""


class Refusal(StrEnum):
    """Why a reply had no effect."""

    FORGED = "forged"
    """Its task id was not made with our keys, or was altered or cut."""
    FOREIGN = "foreign"
    """Its task id is that of another case class or api."""
    REPLAYED = "replayed"
    """The command had its reply, or is waited for no more: delivered again, for example."""
    UNREADABLE = "unreadable"
    """Its body is no JSON, or too large."""


class Answering:
    """Handles the replies to the cases of one class."""

    def __init__(
        self,
        app: Procession,
        blueprint: CaseBlueprint,
        keys: Keyring,
        hiding: Hiding,
        refused: Counter[Refusal],
        *,
        remote: bool,
    ) -> None:
        self._app = app
        self._blueprint = blueprint
        self._keys = keys
        self._hiding = hiding
        self._refused = refused
        self._remote = remote
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Wait no longer for an engine that is away: replies stay in their queue."""
        self._stopping.set()

    async def handle(self, message: Message) -> None:
        """Take a reply in; it is committed when this returns.

        Raises:
            Rejected: it can never be taken in.
            NotReady: the app stops, and the engine is away.
        """
        task = message.correlation or ""
        self._check(task, message)
        reply = self._read(message)
        try:
            await self._patiently(task, {REPLY: reply})
        except (NotFound, AlreadyExists):
            self._refused[Refusal.REPLAYED] += 1
            log.info("reply %s came again, or too late: it has no effect", message.id)
        except InvalidInput as error:
            raise self._reject(Refusal.UNREADABLE, message, error.message) from error

    def _check(self, task: str, message: Message) -> None:
        try:
            found = TaskId.opened(task, self._keys)
        except TaskIdRefused as error:
            raise self._reject(Refusal.FORGED, message, f"its task id is refused: {error.message}") from error
        if (found.case_id, found.api) != (self._blueprint.case_id, self._blueprint.api):
            what = f"its task id belongs to {found.case_id} {found.api}, not to {self._blueprint.process_id}"
            raise self._reject(Refusal.FOREIGN, message, what)

    def _read(self, message: Message) -> Answered:
        try:
            return Answered(body=self._hiding.hidden(message.json()))
        except InvalidInput as error:
            raise self._reject(Refusal.UNREADABLE, message, error.message) from error

    def _reject(self, why: Refusal, message: Message, reason: str) -> Rejected:
        self._refused[why] += 1
        log.warning("reply %s is refused: %s", message.id, reason)
        return Rejected(f"{why}: {reason}")

    async def _patiently(self, task: str, variables: dict[str, Any]) -> None:
        """Tell the engine, as often as it takes: an engine that is away is no fault of the message's."""
        failures = 0
        while True:
            try:
                await self._tell(task, variables)
                return
            except (NotFound, AlreadyExists, InvalidInput):
                raise
            except ProcessionError as error:
                if not failures:
                    log.warning("replies wait, the engine cannot take them: %s", error.message)
                await self._rest(seconds_after(failures, FIRST_PAUSE, LONGEST_PAUSE))
                failures += 1

    async def _rest(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
            raise NotReady("the app stops")

    async def _tell(self, task: str, variables: dict[str, Any]) -> None:
        name = self._blueprint.reply_name
        if self._remote:
            # The id is the command's, not the message's: a second answer is one too many, whoever sent it.
            await self._app.publish(
                name, correlation_key=task, variables=variables, ttl=REMOTE_TTL, message_id=task
            )
        else:
            await self._app.correlate(name, correlation_key=task, variables=variables)
