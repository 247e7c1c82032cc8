"""What an app asks of its engine: to deploy, start, publish, answer, repair."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from procession.broker import ActivatedJob
from procession.client.backend import Backend
from procession.client.deployment import Deployment
from procession.client.instance import Instance
from procession.client.values import decode_variables, encode_variables, milliseconds
from procession.engine import commands as c
from procession.errors import InvalidInput

if TYPE_CHECKING:
    import sqlalchemy as sa
    from sqlalchemy.ext.asyncio import AsyncConnection

DEFAULT_RUN = timedelta(seconds=10)
"""How long `run` waits unless told otherwise."""


class Commands(ABC):
    """The part of `Procession` that changes something."""

    @property
    @abstractmethod
    def _backend(self) -> Backend:
        """The engine, while the app runs.

        Raises:
            NotReady: it does not.
        """

    def _send(self, command: c.Command, size: int = 0) -> asyncio.Future[Any]:
        return self._backend.submit(command, size)

    async def deploy_files(self, files: Mapping[str, bytes]) -> Deployment:
        """Deploy BPMN files (name -> content), all or none.

        Raises:
            DeploymentRejected: with every fault, each naming its element and line.
        """
        return await self._backend.deploy(files)

    async def delete_definition(self, key: int) -> None:
        """Delete one version of a process by its key, when no instance of it runs.

        Nothing starts with it any more: the latest version is then the one before, whose message and
        signal start events wait again. Its number is not used again, and the history of its instances
        stays.

        Raises:
            NotFound: there is no such version (any more).
            WrongState: instances of it are running.
        """
        await self._send(c.DeleteResource(key))

    async def start(
        self,
        process_id: str,
        variables: Any = None,
        *,
        version: int | None = None,
        business_key: str | None = None,
        idempotency_key: str | None = None,
        start_at: Sequence[str] = (),
        connection: sa.Connection | AsyncConnection | None = None,
    ) -> Instance:
        """Start a process instance; it is durable when this returns.

        Args:
            variables: of the root scope: a mapping, dataclass or msgspec Struct.
            version: None means the latest.
            business_key: a name of yours for it; need not be unique.
            idempotency_key: a repeated start of the process with the same key answers the instance
                that the first one made.
            start_at: ids of elements where it begins, instead of the start event; one named twice gets
                two tokens. The sub-processes around them are entered, with their input mappings.
            connection: write the start on this SQLAlchemy connection (to the same database); it
                happens when that commits, or not at all.

        Raises:
            NotFound: no such process or version.
            WrongState: the process starts only with messages or signals.
            InvalidInput: it cannot begin at one of `start_at` (start and boundary events, events behind
                an event-based gateway, anything inside a multi-instance activity), or a sub-process
                around one cannot be entered.
            VariablesInvalid, PayloadTooLarge: the variables are refused.
        """
        return await self._start(
            process_id,
            variables,
            version=version,
            business_key=business_key,
            idempotency_key=idempotency_key,
            start_at=start_at,
            connection=connection,
        )

    async def _start(
        self,
        process_id: str,
        variables: Any,
        *,
        version: int | None,
        business_key: str | None,
        idempotency_key: str | None,
        start_at: Sequence[str],
        connection: sa.Connection | AsyncConnection | None,
        key: int | None = None,
    ) -> Instance:
        """`start`, of an instance whose key may be known already."""
        texts, size = encode_variables(variables)
        if connection is not None and key is None:
            key = await self._backend.set_key_aside()
        command = c.StartInstance(
            process_id,
            -1 if version is None else version,
            None,
            texts,
            business_key,
            idempotency_key,
            key,
            start_at=tuple(start_at),
        )
        if connection is not None and key is not None:
            row = await self._backend.write(connection, command)
            return Instance(
                self, key=key, process_id=process_id, version=version, created=True, command_key=row
            )
        started: c.Started = await self._send(command, size)
        return Instance(
            self,
            key=started.key,
            process_id=started.process_id,
            version=started.version,
            created=started.created,
        )

    async def run(
        self,
        process_id: str,
        variables: Any = None,
        *,
        timeout: timedelta = DEFAULT_RUN,
        version: int | None = None,
    ) -> dict[str, Any]:
        """Start a process instance, wait until it has ended, and answer the variables of its root scope.

        It works on any server; where the instance is needed meanwhile, `start` it and wait for its
        `result`.

        Raises:
            DeadlineExceeded: it has not ended within `timeout`; it goes on.
            Aborted: it was cancelled.
            NotFound, WrongState, VariablesInvalid, PayloadTooLarge: as `start`.
        """
        texts, size = encode_variables(variables)
        command = c.StartInstance(process_id, -1 if version is None else version, None, texts)
        return decode_variables(await self._backend.run(command, size, timeout))

    async def publish(
        self,
        name: str,
        *,
        correlation_key: str = "",
        variables: Any = None,
        ttl: timedelta = timedelta(0),
        message_id: str | None = None,
        connection: sa.Connection | AsyncConnection | None = None,
    ) -> int:
        """Publish a message; answers its key. It is durable when this returns.

        It goes to at most one instance of each process that waits for it, or starts processes that
        begin with it. With a `ttl` it waits for those that come later.

        Raises:
            AlreadyExists: a message with this name, correlation key and `message_id` is alive.
        """
        texts, size = encode_variables(variables)
        key = None if connection is None else await self._backend.set_key_aside()
        command = c.PublishMessage(name, correlation_key, milliseconds(ttl), message_id, texts, key)
        if connection is not None and key is not None:
            await self._backend.write(connection, command)
            return key
        published: int = await self._send(command, size)
        return published

    async def correlate(self, name: str, *, correlation_key: str, variables: Any = None) -> int:
        """Publish a message to those who wait for it now; answers its key. It is durable when this returns.

        Raises:
            NotFound: nobody waits for it; nothing happened.
            Unsupported: a remote server's gRPC cannot say whether somebody did.
        """
        texts, size = encode_variables(variables)
        command = c.PublishMessage(name, correlation_key, variables=texts, must_reach=True)
        correlated: int = await self._send(command, size)
        return correlated

    async def broadcast(self, name: str, variables: Any = None) -> int:
        """Broadcast a signal; answers its key. It is durable when this returns.

        It goes to every instance that waits for it now, and starts every process that begins with it. It
        is not kept: who waits for it later hears the next one.
        """
        texts, size = encode_variables(variables)
        broadcast: int = await self._send(c.BroadcastSignal(name, texts), size)
        return broadcast

    async def cancel(self, key: int) -> None:
        """Cancel a running process instance, with everything active in it.

        Raises:
            NotFound: it is not running.
            WrongState: another instance called it; the error names the root.
        """
        await self._send(c.CancelInstance(key))

    async def migrate(
        self,
        key: int,
        mapping: Mapping[str, str] | None = None,
        *,
        version: int | None = None,
        definition_key: int | None = None,
        equal_ids: bool = True,
        retype_jobs: bool = False,
    ) -> None:
        """Move a running process instance to another version of its process, or to another process.

        Jobs keep their keys, types, tries and headers; whoever holds one goes on with it. Events that have
        a place in the new version are waited for as before (the same key, the same time); others close,
        new ones open. Instances that call activities called are migrated by their own keys.

        Args:
            mapping: from ids of elements to the ids they have there. Every active element needs a place of
                the same kind in the same scope, and tokens that wait at a joining gateway need the same
                flows into it.
            version: where to, or
            definition_key: the version of any process.
            equal_ids: elements that `mapping` does not name become those with the same id. A remote server
                cannot do that.
            retype_jobs: give jobs the types of their new elements, so that the new version's workers get
                them (with key, tries and backoff as they are). While somebody holds one it is refused.

        Raises:
            NotFound: the instance is not running, or there is no such version.
            InvalidInput: the mapping names an element that is not there.
            WrongState: something active has no (fitting) place there, or a token is just on its way; the
                error names it. Nothing has changed.
        """
        if (version is None) == (definition_key is None):
            raise InvalidInput("name either the version or the definition key to migrate to")
        command = c.MigrateInstance(
            key,
            dict(mapping or {}),
            definition_key,
            version,
            equal_ids=equal_ids,
            retype_jobs=retype_jobs,
        )
        await self._send(command)

    async def set_variables(self, key: int, variables: Any, *, local: bool = False) -> None:
        """Set variables of a process instance or element instance; `local` keeps them in its scope.

        Raises:
            NotFound: it is not running.
        """
        texts, size = encode_variables(variables)
        await self._send(c.SetVariables(key, texts, local), size)

    async def resolve_incident(self, key: int, retries: int | None = None) -> None:
        """Run the step that failed again; a job without retries gets `retries` first.

        Raises:
            NotFound: no such open incident, or its job still has no retries.
        """
        await self._send(c.ResolveIncident(key, retries))

    async def update_retries(self, job_key: int, retries: int) -> None:
        """Give a job so many tries, at least one; an incident it has stays until it is resolved.

        Raises:
            NotFound: there is no such open job.
            InvalidInput: `retries` is below 1.
        """
        await self._send(c.UpdateJob(job_key, retries=retries))

    async def complete_job(self, key: int, variables: Any = None) -> None:
        """Complete a job by its key, whoever holds it.

        Raises:
            NotFound: there is no such open job.
            WrongState: it has an incident.
        """
        texts, size = encode_variables(variables)
        await self._send(c.CompleteJob(key, texts), size)

    async def fail_job(
        self, key: int, *, retries: int, message: str = "", backoff: timedelta = timedelta(0)
    ) -> None:
        """Fail a job by its key, leaving it `retries` tries.

        Raises:
            NotFound, WrongState: as `complete_job`.
        """
        await self._send(c.FailJob(key, retries, milliseconds(backoff), message))

    async def throw_error(self, key: int, code: str, message: str = "", variables: Any = None) -> None:
        """Throw a business error from a job by its key.

        Raises:
            NotFound, WrongState: as `complete_job`.
        """
        texts, size = encode_variables(variables)
        await self._send(c.ThrowError(key, code, message, texts), size)

    async def _complete(
        self, activated: ActivatedJob, variables: Any, connection: sa.Connection | AsyncConnection | None
    ) -> None:
        texts, size = encode_variables(variables)
        command = c.CompleteJob(activated.key, texts, activated.lease)
        if connection is not None:
            await self._backend.write(connection, command)
        else:
            await self._send(command, size)
