"""Putting a service's part in processes together."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Self

from procession.client.app import Procession
from procession.client.credentials import BasicCredentials, Credentials
from procession.errors import InvalidInput, WrongState
from procession.operations.alerts import AlertDesk, Channel, channel_for
from procession.workflow.component import Workflow
from procession.workflow.config import TaskHandlerConfig
from procession.workflow.sync import SyncWorkflow
from procession.workflow.task import Handler, adapted

CONNECT_TIMEOUT = timedelta(seconds=5)
"""Of one attempt."""


class WorkflowBuilder:
    """Declares processes, handlers and alert channels; `run` makes the component.

    Args:
        service_name: what alerts call this service, and jobs the worker that holds them.
        address: `grpc://host:26500`, or `grpcs://` with TLS, of Procession's own server, Zeebe or Camunda 8;
            or `sqlite:///file.db` or `postgresql://user:password@host/database`, where the service is a
            node of its own.
        username, password: for `grpc://` and `grpcs://`; or else
        credentials: who this service is there.
        config: for handlers without one of their own; its `event_ttl` is that of `Workflow.publish`.
    """

    def __init__(
        self,
        service_name: str,
        address: str,
        username: str | None = None,
        password: str | None = None,
        *,
        credentials: Credentials | None = None,
        config: TaskHandlerConfig | None = None,
    ) -> None:
        if not service_name.strip():
            raise InvalidInput("a service needs a name")
        self.service_name = service_name
        self.address = address
        self.config = config or TaskHandlerConfig()
        self._app = Procession(
            address,
            credentials=_credentials(username, password, credentials),
            connect_timeout=CONNECT_TIMEOUT,
            worker_name=service_name,
        )
        self._channels: list[Channel] = []
        self._ran = False

    def with_process(self, path: str | Path) -> Self:
        """Deploy a BPMN file whenever the component connects; an unchanged file keeps its version.

        Raises:
            InvalidInput: the file cannot be read.
            DeploymentRejected: the file has faults; all are listed.
        """
        self._app.deploy(path)
        return self

    def with_handler(self, type: str, function: Handler, config: TaskHandlerConfig | None = None) -> Self:
        """Have a function, async or plain, do the tasks of a type.

        It takes `task` (a `WorkflowTask`), or parameters named like variables, or both. What it returns (a
        mapping, a dataclass, None) becomes variables. Raising `Incident` stops retrying at once,
        `BpmnError` throws a business error, anything else brings the task back after a while.

        Raises:
            InvalidInput: the type has a handler already.
        """
        chosen = config or self.config
        self._app.task(type, **chosen.as_task())(adapted(function, self._app, chosen))
        return self

    def with_alerts(self, *channels: Channel | str) -> Self:
        """Tell people of incidents over these channels, or URL texts (see `channel_for`).

        Raises:
            InvalidInput: a text means no channel.
        """
        self._channels.extend(channel_for(one) for one in channels)
        return self

    def run(self) -> Workflow:
        """Start the component on the running event loop. Neither waits for the server nor needs it.

        Raises:
            WrongState: it was run before, or there is no running event loop.
        """
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            raise WrongState("run() needs a running event loop; plain code uses run_sync()") from None
        workflow = self._build()
        workflow.open()
        return workflow

    def run_sync(self) -> SyncWorkflow:
        """Start the component on an event loop of its own thread, for code without `await`.

        Raises:
            WrongState: it was run before.
        """
        return SyncWorkflow(self._build())

    def _build(self) -> Workflow:
        if self._ran:
            raise WrongState("a builder makes one component; build another")
        self._ran = True
        desk = AlertDesk(self._channels)
        return Workflow(self._app, self.service_name, desk, event_ttl=self.config.event_ttl)


def _credentials(
    username: str | None, password: str | None, credentials: Credentials | None
) -> Credentials | None:
    if username is None:
        return credentials
    if credentials is not None:
        raise InvalidInput("a service has a user name or other credentials, not both")
    return BasicCredentials(username, password or "")
