"""The component for plain code: the same calls, on an event loop of its own thread."""

from __future__ import annotations

from datetime import timedelta
from types import TracebackType
from typing import Any, Self

from procession.broker import Readiness
from procession.client.commands import DEFAULT_RUN
from procession.client.loop_thread import LoopThread
from procession.workflow.component import Workflow


class SyncWorkflow:
    """`Workflow` without `await`; made by `WorkflowBuilder.run_sync`. Any thread may call it."""

    def __init__(self, workflow: Workflow) -> None:
        self._workflow = workflow
        self._thread = LoopThread("procession-workflow")
        self._thread.start()
        self._thread.call(self._open())

    async def _open(self) -> None:
        self._workflow.open()

    def readiness(self) -> Readiness:
        """See `Workflow.readiness`."""
        return self._workflow.readiness()

    @property
    def ready(self) -> bool:
        """See `Workflow.ready`."""
        return self._workflow.ready

    def wait_until_ready(self, timeout: timedelta | None = None) -> None:
        """See `Workflow.wait_until_ready`."""
        self._thread.call(self._workflow.wait_until_ready(timeout))

    def start(self, process_id: str, variables: Any = None, *, version: int | None = None) -> int:
        """See `Workflow.start`; answers the key of the instance."""
        return self._thread.call(self._workflow.start(process_id, variables, version=version)).key

    def run(
        self, process_id: str, variables: Any = None, *, timeout: timedelta = DEFAULT_RUN
    ) -> dict[str, Any]:
        """See `Workflow.run`."""
        return self._thread.call(self._workflow.run(process_id, variables, timeout=timeout))

    def publish(
        self,
        event: str,
        *,
        correlation_key: str = "",
        variables: Any = None,
        ttl: timedelta | None = None,
        message_id: str | None = None,
    ) -> int:
        """See `Workflow.publish`."""
        published = self._workflow.publish(
            event, correlation_key=correlation_key, variables=variables, ttl=ttl, message_id=message_id
        )
        return self._thread.call(published)

    def cancel(self, key: int) -> None:
        """See `Workflow.cancel`."""
        self._thread.call(self._workflow.cancel(key))

    def close(self) -> None:
        """See `Workflow.close`."""
        try:
            self._thread.call(self._workflow.close())
        finally:
            self._thread.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
