"""What a handler is given, and how its signature is filled from variables."""

from __future__ import annotations

import inspect
import typing
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgspec

from procession.broker import ActivatedJob, LostLease
from procession.client.values import decode_variables, encode_variables
from procession.engine import commands as c
from procession.errors import Incident, NotReady

if TYPE_CHECKING:
    import sqlalchemy as sa
    from sqlalchemy.ext.asyncio import AsyncConnection

    from procession.client.commands import Commands

Handler = Callable[..., Any]


class Failure(Exception):
    """Raised by a handler that decides itself what its failed try means.

    Args:
        retries: tries left; 0 is an incident.
        backoff: until the next try.
        variables: stay in the scope of the job's element.
    """

    def __init__(
        self, message: str, *, retries: int, backoff: timedelta, variables: Mapping[str, Any]
    ) -> None:
        super().__init__(message)
        self.message = message
        self.retries = retries
        self.backoff = backoff
        self.variables = variables


class NotBegun(Exception):
    """Raised by a handler that has done nothing: its job goes back, and this was no try."""


class Job:
    """A job that is leased to this worker.

    The engine may hand the same job out again when the lease ends before it is answered, so a
    handler's effects should be idempotent; `idempotency_key` stays the same on every try.
    """

    def __init__(self, activated: ActivatedJob, retries: int, app: Commands) -> None:
        self._activated = activated
        self._app = app
        self.retries = retries
        """Tries left, this one included."""
        self.answered = False
        """Whether the handler completed it itself."""
        self.answering = False
        """Whether it did, or is about to: the lease need not be kept any longer."""

    @property
    def key(self) -> int:
        return self._activated.key

    @property
    def type(self) -> str:
        return self._activated.record.type

    @property
    def instance_key(self) -> int:
        """The process instance it belongs to."""
        return self._activated.record.instance_key

    @property
    def process_id(self) -> str:
        return self._activated.record.process_id

    @property
    def version(self) -> int:
        return self._activated.version

    @property
    def element_id(self) -> str:
        return self._activated.record.element_id

    @property
    def business_key(self) -> str | None:
        return self._activated.business_key

    @property
    def headers(self) -> dict[str, str]:
        """Constants from the model (task headers)."""
        return self._activated.headers

    @property
    def attempt(self) -> int:
        """1 on the first try, one more after each that failed."""
        return self._activated.record.failures + 1

    @property
    def worker(self) -> str | None:
        """Who holds it: the name of this worker."""
        return self._activated.record.worker

    @property
    def lease(self) -> int:
        """The fencing number: an answer under an older lease is refused."""
        return self._activated.lease

    @property
    def deadline(self) -> datetime:
        """When the lease ends, unless it is renewed."""
        return datetime.fromtimestamp(self._activated.deadline / 1000, UTC)

    @property
    def idempotency_key(self) -> str:
        """The same text on every try of this job; give it to services that deduplicate."""
        return idempotency_key(self._activated.key)

    @property
    def lost(self) -> LostLease | None:
        """The lease before this one, if it ended without an answer: its worker died, or was too slow. None on
        remote servers, which do not tell."""
        return self._activated.lost

    def keep(self, variables: Mapping[str, Any]) -> None:
        """Set variables in the scope of the job's element, whatever becomes of this try. Any thread may call
        it; it does not wait until they are durable."""
        texts, _ = encode_variables(variables)
        self._app._backend.tell(c.SetVariables(self._activated.record.element_key, texts, local=True))

    @cached_property
    def variables(self) -> dict[str, Any]:
        """The variables that were fetched: those the handler names, or all if it names none."""
        return decode_variables(self._activated.variables)

    async def complete(
        self, variables: Any = None, *, connection: sa.Connection | AsyncConnection | None = None
    ) -> None:
        """Complete the job now; what the handler returns afterwards is ignored.

        With `connection`, the completion is written on the caller's SQLAlchemy connection (to the
        same database) and commits with the caller's data, or not at all.

        Raises:
            WrongState, NotFound: without `connection`: the lease is lost, or the job is gone.
        """
        if self.answered:
            raise NotReady(f"job {self.key} has been answered already")
        self.answering = True
        try:
            await self._app._complete(self._activated, variables, connection)
            self.answered = True
        finally:
            self.answering = self.answered


def idempotency_key(job_key: int) -> str:
    """What every try of a job has in common, for services that deduplicate."""
    return f"procession-{job_key}"


class JobHandler(ABC):
    """What a worker has its jobs handled by."""

    is_async: bool
    """Whether `call` answers something to await; else it is called on a thread."""

    @property
    @abstractmethod
    def fetch(self) -> tuple[str, ...] | None:
        """The variables to fetch; None means all."""

    @abstractmethod
    def call(self, job: Job, activated: ActivatedJob) -> Any | Awaitable[Any]:
        """Handle a job, given also as the engine hands it out. What it answers or raises means what a
        handler's does."""


class Signature(JobHandler):
    """How a handler takes its arguments: `job` first if it wants it, the others by variable name."""

    def __init__(self, handler: Handler) -> None:
        self.handler = handler
        self.is_async = inspect.iscoroutinefunction(handler)
        hints = typing.get_type_hints(handler)
        parameters = list(inspect.signature(handler).parameters.values())
        self._takes_job = bool(parameters) and _is_job(parameters[0], hints)
        self._rest = False
        self._decoders: dict[str, tuple[msgspec.json.Decoder[Any], Any]] = {}
        for parameter in parameters[1:] if self._takes_job else parameters:
            self._add(parameter, hints)

    def _add(self, parameter: inspect.Parameter, hints: dict[str, Any]) -> None:
        if parameter.kind is parameter.VAR_KEYWORD:
            self._rest = True
        elif parameter.kind in (parameter.VAR_POSITIONAL, parameter.POSITIONAL_ONLY):
            raise TypeError(
                f"handler {self.handler.__name__!r}: {parameter} cannot be filled by variable name"
            )
        else:
            hint = hints.get(parameter.name, Any)
            default = parameter.default
            if default is parameter.empty and _allows_none(hint):
                default = None
            self._decoders[parameter.name] = (msgspec.json.Decoder(hint), default)

    @property
    def fetch(self) -> tuple[str, ...] | None:
        return None if self._rest or not self._decoders else tuple(self._decoders)

    def call(self, job: Job, activated: ActivatedJob) -> Any | Awaitable[Any]:
        """Call the handler.

        Raises:
            Incident: a variable it needs is missing or of another type.
        """
        variables = activated.variables
        arguments = {
            name: self._argument(name, decoder, default, variables)
            for name, (decoder, default) in self._decoders.items()
        }
        if self._rest:
            arguments.update((name, value) for name, value in job.variables.items() if name not in arguments)
        return self.handler(job, **arguments) if self._takes_job else self.handler(**arguments)

    def _argument(
        self, name: str, decoder: msgspec.json.Decoder[Any], default: Any, variables: dict[str, str]
    ) -> Any:
        raw = variables.get(name)
        if raw is None:
            if default is inspect.Parameter.empty:
                raise Incident(f"handler {self.handler.__name__!r} needs variable {name!r}, which is not set")
            return default
        try:
            return decoder.decode(raw)
        except msgspec.ValidationError as error:
            raise Incident(
                f"variable {name!r} does not fit handler {self.handler.__name__!r}: {error}"
            ) from error


def _is_job(parameter: inspect.Parameter, hints: dict[str, Any]) -> bool:
    return hints.get(parameter.name) is Job or (parameter.name == "job" and parameter.name not in hints)


def _allows_none(hint: Any) -> bool:
    return hint is None or type(None) in typing.get_args(hint)
