"""Step processes on a server: the class makes the diagram, and the worker."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest

from procession import Procession, Unsupported
from procession.process import Channel, Process, ProcessEnded, ProcessManager, ProcessResult, RetryPolicy
from procession.process.blueprint import read
from procession.process.deploying import content_of
from tests.gateway.clients import Client, unique
from tests.gateway.servers import COMMAND, SECONDS, Served

LONG = timedelta(seconds=60)


class Shipping(Process):
    """SHIP"""

    STEPS: ClassVar = {"pack": "pack", "weigh": "weigh", "send": "send"}
    retry = RetryPolicy(wait=timedelta(0))
    failures: ClassVar[int] = 0

    def pack(self) -> ProcessResult:
        if self.meta.get("cancelled"):
            raise ProcessEnded("cancelled")
        return ProcessResult(meta={"goto_step": "send", "packed": True})

    def weigh(self) -> None:
        raise AssertionError("it is skipped")

    def send(self) -> ProcessResult:
        if self.attempt <= self.failures:
            raise OSError("the carrier is away")
        return ProcessResult("sent", data={"attempt": self.attempt, "for": str(self.processable)})


def kind_of(**attributes: Any) -> type[Process]:
    """The class under a process id of the test's own."""
    return type("Ship", (Shipping,), {"process_id": unique("ship").replace("_", "-").lower(), **attributes})


def manager_at(address: str, kind: type[Process]) -> ProcessManager:
    manager = ProcessManager(Procession(f"grpc://{address}", connect_timeout=LONG), cool_down=None)
    manager.register(kind)
    return manager


VARIABLES = {"processable": {"type": "order", "id": "A-1"}, "meta": {}}


async def test_a_process_runs_with_retries_and_skipped_steps(server: str) -> None:
    # Given a step that fails once
    kind = kind_of(failures=1)
    manager = manager_at(server, kind)
    async with manager.app:
        # When the process runs to its end
        values = await manager.app.run(manager.blueprint_of(kind).process_id, VARIABLES, timeout=LONG)
    # Then
    assert values["result"] == {"attempt": 2, "for": "order:A-1"}
    assert values["meta"] == {"packed": True}
    assert values["status"] == "SUCCESS"
    assert not [name for name in values if name.startswith("run_")]


async def test_an_exported_file_runs_on_workers_made_from_the_class(server: str) -> None:
    # Given the file, deployed by somebody else, and a worker that is only told the class
    kind = kind_of()
    async with Procession(f"grpc://{server}", connect_timeout=LONG) as stranger:
        await stranger.deploy_files({f"{kind.process_id}.bpmn": content_of(read(kind))})
        manager = manager_at(server, kind)
        async with manager.app:
            # When it is started plainly, without any variables
            values = await stranger.run(kind.process_id, {}, timeout=LONG)
    # Then it runs all the same
    assert values["result"] == {"attempt": 1, "for": "None"}


PARCELS = """
import os
from datetime import timedelta

from procession.process import Process, ProcessResult, RetryPolicy


class Parcel(Process):
    process_id = "{id}"
    STEPS = {{"pack": "pack", "weigh": "weigh", "send": "send", "bill": "bill"}}
    retry = RetryPolicy(wait=timedelta(0))

    def pack(self):
        return ProcessResult(meta={{"goto_step": "send", "packed": True}})

    def weigh(self):
        raise AssertionError("it is skipped")

    def send(self):
        if self.attempt == 1:
            raise OSError("the carrier is away")
        return ProcessResult(meta={{"sent_at_attempt": self.attempt}})

    async def bill(self):
        return ProcessResult(data={{"pid": os.getpid(), "for": str(self.processable)}})
"""


def test_an_exported_file_runs_on_a_worker_that_is_a_process_of_its_own(
    server: str, client: Client, tmp_path: Path
) -> None:
    # Given a class, its diagram written by our command, and somebody else's client that deploys it
    id = unique("parcel").replace("_", "-")
    (tmp_path / "parcels.py").write_text(PARCELS.format(id=id))
    export = [*COMMAND, "export", "parcels:Parcel", "-o", "parcel.bpmn"]
    subprocess.run(export, cwd=tmp_path, check=True, capture_output=True, timeout=SECONDS)
    client.deploy((tmp_path / "parcel.bpmn").read_bytes(), "parcel.bpmn")
    # When that client starts one, and a worker is told the class and the server, and nothing else
    with working(tmp_path, "parcels:Parcel", f"grpc://{server}") as worker:
        values = client.result(id, VARIABLES, requestTimeout=55_000)
    # Then it has been done there, with a step skipped and one tried again
    assert values["result"] == {"pid": worker.pid, "for": "order:A-1"}
    assert values["meta"] == {"packed": True, "sent_at_attempt": 2}
    assert values["status"] == "SUCCESS"
    assert not [name for name in values if name.startswith("run_")]
    assert worker.returncode == 0


@contextmanager
def working(folder: Path, target: str, url: str) -> Iterator[subprocess.Popen[str]]:
    """`procession worker`, told to stop when the block is left."""
    command = [*COMMAND, "worker", target, "--server", url, "--format", "json"]
    with (folder / "worker.log").open("w") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline(), (folder / "worker.log").read_text()
        yield process
        process.terminate()
        process.communicate(timeout=SECONDS)
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


async def test_a_process_that_has_ended_skips_the_rest_there_too(server: str) -> None:
    kind = kind_of()
    manager = manager_at(server, kind)
    async with manager.app:
        values = await manager.app.run(kind.process_id, {"meta": {"cancelled": True}}, timeout=LONG)
    assert values["status"] == "SKIPPED"


async def test_starting_for_a_processable_starts_one_on_a_server(own_server: Served) -> None:
    kind = kind_of()
    manager = manager_at(own_server.address, kind)
    async with manager.app:
        instance = await manager.start(kind, ("order", "A-1"), meta={"a": 1})
        values = await instance.result(LONG)
        with pytest.raises(Unsupported, match="looking at processes"):
            await manager.search()
    assert values["meta"] == {"a": 1, "packed": True}


async def test_strict_channels_need_the_database(own_server: Served) -> None:
    manager = manager_at(own_server.address, kind_of(channel=Channel("books", fifo=True)))
    with pytest.raises(Unsupported, match=r"strict channels \(books\) need the database"):
        async with manager.app:
            pass
