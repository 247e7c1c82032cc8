"""The app for plain code: the same calls, on an event loop of its own thread."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping, Sequence
from datetime import timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from procession.broker import Readiness
from procession.client.app import Procession
from procession.client.commands import DEFAULT_RUN
from procession.client.deployment import Deployment
from procession.client.instance import Instance
from procession.client.loop_thread import LoopThread

if TYPE_CHECKING:
    import sqlalchemy as sa

    from procession.storage.searches import (
        DefinitionStatus,
        IncidentInfo,
        InstanceDetail,
        InstanceInfo,
        InstanceStatus,
        Status,
    )

T = TypeVar("T")


class SyncInstance:
    """A handle on a process instance; see `Instance`."""

    def __init__(self, facade: SyncProcession, instance: Instance) -> None:
        self._facade = facade
        self._instance = instance
        self.key = instance.key
        self.process_id = instance.process_id
        self.version = instance.version
        self.created = instance.created

    def __repr__(self) -> str:
        return f"SyncInstance(key={self.key}, process_id={self.process_id!r})"

    def result(self, timeout: timedelta | None = None) -> dict[str, Any]:
        """See `Instance.result`."""
        return self._facade._call(self._instance.result(timeout))


class SyncProcession:
    """`Procession` without `await`; made by `app.sync()`, used as a context manager.

    Any thread may call it. Handlers run as in the app itself: plain ones on threads, async ones on
    the facade's event loop.
    """

    def __init__(self, app: Procession) -> None:
        self._app = app
        self._thread = LoopThread("procession-sync")

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            self._call(self._app.__aenter__())
        except BaseException:
            self._thread.stop()
            raise
        return self

    def readiness(self) -> Readiness:
        """See `Procession.readiness`."""
        return self._app.readiness()

    def drain(self) -> None:
        """See `Procession.drain`."""
        self._call(self._app.drain())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._call(self._app.__aexit__(kind, error, trace))
        finally:
            self._thread.stop()

    def _call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self._thread.call(coroutine)

    def deploy_files(self, files: Mapping[str, bytes]) -> Deployment:
        """See `Procession.deploy_files`."""
        return self._call(self._app.deploy_files(files))

    def delete_definition(self, key: int) -> None:
        """See `Procession.delete_definition`."""
        self._call(self._app.delete_definition(key))

    def start(
        self,
        process_id: str,
        variables: Any = None,
        *,
        version: int | None = None,
        business_key: str | None = None,
        idempotency_key: str | None = None,
        start_at: Sequence[str] = (),
        connection: sa.Connection | None = None,
    ) -> SyncInstance:
        """See `Procession.start`. With `connection`, do not use that connection elsewhere meanwhile."""
        started = self._app.start(
            process_id,
            variables,
            version=version,
            business_key=business_key,
            idempotency_key=idempotency_key,
            start_at=start_at,
            connection=connection,
        )
        return SyncInstance(self, self._call(started))

    def run(
        self,
        process_id: str,
        variables: Any = None,
        *,
        timeout: timedelta = DEFAULT_RUN,
        version: int | None = None,
    ) -> dict[str, Any]:
        """See `Procession.run`."""
        return self._call(self._app.run(process_id, variables, timeout=timeout, version=version))

    def publish(
        self,
        name: str,
        *,
        correlation_key: str = "",
        variables: Any = None,
        ttl: timedelta = timedelta(0),
        message_id: str | None = None,
        connection: sa.Connection | None = None,
    ) -> int:
        """See `Procession.publish`."""
        published = self._app.publish(
            name,
            correlation_key=correlation_key,
            variables=variables,
            ttl=ttl,
            message_id=message_id,
            connection=connection,
        )
        return self._call(published)

    def correlate(self, name: str, *, correlation_key: str, variables: Any = None) -> int:
        """See `Procession.correlate`."""
        return self._call(self._app.correlate(name, correlation_key=correlation_key, variables=variables))

    def broadcast(self, name: str, variables: Any = None) -> int:
        """See `Procession.broadcast`."""
        return self._call(self._app.broadcast(name, variables))

    def cancel(self, key: int) -> None:
        """See `Procession.cancel`."""
        self._call(self._app.cancel(key))

    def migrate(
        self,
        key: int,
        mapping: Mapping[str, str] | None = None,
        *,
        version: int | None = None,
        definition_key: int | None = None,
        equal_ids: bool = True,
        retype_jobs: bool = False,
    ) -> None:
        """See `Procession.migrate`."""
        migrated = self._app.migrate(
            key,
            mapping,
            version=version,
            definition_key=definition_key,
            equal_ids=equal_ids,
            retype_jobs=retype_jobs,
        )
        self._call(migrated)

    def set_variables(self, key: int, variables: Any, *, local: bool = False) -> None:
        """See `Procession.set_variables`."""
        self._call(self._app.set_variables(key, variables, local=local))

    def resolve_incident(self, key: int, retries: int | None = None) -> None:
        """See `Procession.resolve_incident`."""
        self._call(self._app.resolve_incident(key, retries))

    def update_retries(self, job_key: int, retries: int) -> None:
        """See `Procession.update_retries`."""
        self._call(self._app.update_retries(job_key, retries))

    def complete_job(self, key: int, variables: Any = None) -> None:
        """See `Procession.complete_job`."""
        self._call(self._app.complete_job(key, variables))

    def fail_job(
        self, key: int, *, retries: int, message: str = "", backoff: timedelta = timedelta(0)
    ) -> None:
        """See `Procession.fail_job`."""
        self._call(self._app.fail_job(key, retries=retries, message=message, backoff=backoff))

    def throw_error(self, key: int, code: str, message: str = "", variables: Any = None) -> None:
        """See `Procession.throw_error`."""
        self._call(self._app.throw_error(key, code, message, variables))

    def instances(self, **filters: Any) -> list[InstanceInfo]:
        """See `Procession.instances`."""
        return self._call(self._app.instances(**filters))

    def count_instances(self, process_id: str | None = None) -> dict[InstanceStatus, int]:
        """See `Procession.count_instances`."""
        return self._call(self._app.count_instances(process_id))

    def incidents(self, **filters: Any) -> list[IncidentInfo]:
        """See `Procession.incidents`."""
        return self._call(self._app.incidents(**filters))

    def instance(self, key: int) -> InstanceDetail:
        """See `Procession.instance`."""
        return self._call(self._app.instance(key))

    def definitions(self, process_id: str | None = None, **filters: Any) -> list[DefinitionStatus]:
        """See `Procession.definitions`."""
        return self._call(self._app.definitions(process_id, **filters))

    def status(self) -> Status:
        """See `Procession.status`."""
        return self._call(self._app.status())
