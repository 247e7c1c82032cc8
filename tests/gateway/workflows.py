"""What the component's tests have in common: processes and names of each test's own, and where they run."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from procession.workflow import TaskHandlerConfig, WorkflowBuilder
from tests.building import bpmn, end, job, message, receive, start

PATIENCE = timedelta(seconds=60)
QUICK = TaskHandlerConfig(retry_timeout=timedelta(0))
"""Tries again at once."""


class Scene:
    """A test's processes on a server, whose names no other test uses."""

    def __init__(self, address: str, folder: Path) -> None:
        self.address = address
        self.folder = folder
        self.id = f"p{uuid4().hex[:12]}"
        self.seen: asyncio.Queue[Any] = asyncio.Queue()

    def type(self, name: str) -> str:
        return f"{self.id}_{name}"

    def file(self, content: bytes, name: str = "process") -> Path:
        path = self.folder / f"{name}.bpmn"
        path.write_bytes(content)
        return path

    def one_task(self, *, retries: str = "3") -> Path:
        """start, `work`, end."""
        return self.file(
            bpmn(start() + self._job("work", retries=retries) + end(), "s>work work>e", id=self.id)
        )

    def two_tasks(self) -> Path:
        """start, `work`, `report`, end."""
        body = start() + self._job("work") + self._job("report") + end()
        return self.file(bpmn(body, "s>work work>report report>e", id=self.id))

    def waiting(self) -> Path:
        """start, `work`, the event `paid` for the variable `ref`, `report`, end."""
        body = start() + self._job("work") + receive("wait", "paid") + self._job("report") + end()
        event = message(self.type("paid"), "=ref", id="paid")
        return self.file(bpmn(body, "s>work work>wait wait>report report>e", id=self.id, definitions=event))

    def _job(self, name: str, *, retries: str = "3") -> str:
        return job(name, type=self.type(name), retries=retries)

    def builder(self, config: TaskHandlerConfig = QUICK) -> WorkflowBuilder:
        return WorkflowBuilder("tests", self.address, config=config)

    def reporting(self, config: TaskHandlerConfig = QUICK) -> WorkflowBuilder:
        """A builder whose task `report` puts the variables it sees into `seen`."""

        async def report(**variables: Any) -> None:
            self.seen.put_nowait(variables)

        return self.builder(config).with_handler(self.type("report"), report)

    async def saw(self) -> Any:
        """What was put into `seen` next."""
        async with asyncio.timeout(PATIENCE.total_seconds()):
            return await self.seen.get()
