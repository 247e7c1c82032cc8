"""The app for plain code: the same calls, on an event loop of its own thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Mapping
from datetime import timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from procession.broker import FORKED, Readiness, forks
from procession.client.app import Deployment, Procession
from procession.client.instance import Instance
from procession.errors import NotReady

if TYPE_CHECKING:
    import sqlalchemy as sa

    from procession.storage.searches import IncidentInfo, InstanceDetail, InstanceInfo, InstanceStatus, Status

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
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._born = forks.count

    def __enter__(self) -> Self:
        self._born = forks.count
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="procession-sync", daemon=True)
        self._thread.start()
        try:
            self._call(self._app.__aenter__())
        except BaseException:
            self._stop()
            raise
        return self

    def readiness(self) -> Readiness:
        """See `Procession.readiness`."""
        return self._app.readiness()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._call(self._app.__aexit__(kind, error, trace))
        finally:
            self._stop()

    def _stop(self) -> None:
        loop, thread = self._loop, self._thread
        self._loop = self._thread = None
        if loop is not None and thread is not None:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()

    def _call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        if self._loop is None:
            coroutine.close()
            raise NotReady("the app is not running; do this inside `with app.sync() as app:`")
        if self._born != forks.count:
            coroutine.close()  # the loop's thread did not come along: nobody would ever answer
            raise NotReady(FORKED)
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    def deploy_files(self, files: Mapping[str, bytes]) -> Deployment:
        """See `Procession.deploy_files`."""
        return self._call(self._app.deploy_files(files))

    def start(
        self,
        process_id: str,
        variables: Any = None,
        *,
        version: int | None = None,
        business_key: str | None = None,
        idempotency_key: str | None = None,
        connection: sa.Connection | None = None,
    ) -> SyncInstance:
        """See `Procession.start`. With `connection`, do not use that connection elsewhere meanwhile."""
        started = self._app.start(
            process_id,
            variables,
            version=version,
            business_key=business_key,
            idempotency_key=idempotency_key,
            connection=connection,
        )
        return SyncInstance(self, self._call(started))

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

    def broadcast(self, name: str, variables: Any = None) -> int:
        """See `Procession.broadcast`."""
        return self._call(self._app.broadcast(name, variables))

    def cancel(self, key: int) -> None:
        """See `Procession.cancel`."""
        self._call(self._app.cancel(key))

    def set_variables(self, key: int, variables: Any, *, local: bool = False) -> None:
        """See `Procession.set_variables`."""
        self._call(self._app.set_variables(key, variables, local=local))

    def resolve_incident(self, key: int, retries: int | None = None) -> None:
        """See `Procession.resolve_incident`."""
        self._call(self._app.resolve_incident(key, retries))

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

    def status(self) -> Status:
        """See `Procession.status`."""
        return self._call(self._app.status())
