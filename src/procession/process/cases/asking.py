"""Requests on their way to services: a job keeps each until the transport has confirmed it."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta

import msgspec

from procession.client.job import Failure, Job, NotBegun
from procession.errors import Incident, InvalidInput, NotReady, ProcessionError
from procession.messaging import Addressed, Message, Transport
from procession.process.cases.blueprint import CaseBlueprint
from procession.process.cases.hiding import Hiding
from procession.process.cases.progress import Asked

log = logging.getLogger("procession.case")

FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=1), timedelta(seconds=30)
COMMAND, CASE, API = "command", "case", "api"
"""Headers of a request."""


def service_queue(service: str) -> str:
    """Where requests to a service go."""
    return f"serviceQ.{service}"


def reply_queue(process_id: str) -> str:
    """Where replies to the cases of an api go: each api's own workers read them."""
    return f"serviceQ@{process_id}"


class Sender:
    """Publishes what handlers ask for at the same time in one call."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._waiting: list[tuple[Addressed, asyncio.Future[ProcessionError | None]]] = []
        self._task: asyncio.Task[None] | None = None
        self._made: set[str] = set()

    async def make(self, queue: str) -> NotReady | None:
        """Make the queue of replies, unless that was done; answers why it could not be yet.

        Raises:
            WrongState: somebody made it with another delivery limit.
        """
        if queue not in self._made:
            try:
                await self._transport.declare(queue)
            except NotReady as error:
                return error
            self._made.add(queue)
        return None

    async def send(self, queue: str, message: Message) -> ProcessionError | None:
        """Publish a message; answers None when it is stored for good, or why not: see `Transport.publish`.

        No request leaves before its reply has a queue to go to.
        """
        if message.reply_to is not None and (missing := await self.make(message.reply_to)) is not None:
            return missing
        future: asyncio.Future[ProcessionError | None] = asyncio.get_running_loop().create_future()
        self._waiting.append((Addressed(queue, message), future))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._publish_all())
        return await future

    async def _publish_all(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            try:
                answers = await self._transport.publish([addressed for addressed, _ in batch])
            except Exception as error:
                log.exception("requests could not be published")
                answers = [NotReady(f"{self._transport.name}: {error}")] * len(batch)
            for (_, future), answer in zip(batch, answers, strict=True):
                if not future.done():
                    future.set_result(answer)


class Asker:
    """Handles the jobs that send the requests of one case class."""

    def __init__(self, blueprint: CaseBlueprint, hiding: Hiding) -> None:
        self._blueprint = blueprint
        self._hiding = hiding
        self.sender: Sender | None = None
        """Set while the app runs."""

    async def handle(self, job: Job, request: Asked) -> None:
        """Send a request.

        Raises:
            Failure: it could not be sent yet; that is tried as often as it takes.
            Incident: it never can be.
            NotBegun: the app stops.
        """
        if self.sender is None:
            raise NotBegun
        try:
            message = self._message(request)
        except InvalidInput as error:
            raise Incident(error.message) from error
        refused = await self.sender.send(service_queue(request.service), message)
        if refused is not None:
            raise self._later(job, refused)

    def _message(self, request: Asked) -> Message:
        return Message(
            body=msgspec.json.encode(self._hiding.revealed(request.payload)),
            id=request.task,
            headers={COMMAND: request.command, CASE: self._blueprint.case_id, API: self._blueprint.api},
            reply_to=reply_queue(self._blueprint.process_id),
            correlation=request.task,
        )

    def _later(self, job: Job, error: ProcessionError) -> Failure:
        if job.attempt == 1:
            log.warning("a request of case %d waits: %s", job.instance_key, error.message)
        pause = min(FIRST_PAUSE * 2 ** min(job.attempt - 1, 10), LONGEST_PAUSE)
        return Failure(error.message, retries=max(job.retries, 1), backoff=pause, variables={})
