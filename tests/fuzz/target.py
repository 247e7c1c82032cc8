"""The server under attack: what is on it, and whether it is still well."""

from __future__ import annotations

import json
import re
import uuid
from pathlib import Path
from typing import Any

import grpc
from pyzeebe.proto import gateway_pb2 as pb
from pyzeebe.proto import gateway_pb2_grpc as stubs

from tests.building import bpmn, catch, end, job, message, on_message, start
from tests.gateway.servers import Served

SECONDS = 60.0
"""After which a call that has to answer has not."""
PROCESS, LETTER = "hostile", "letter"
"""The ids of the processes; `hostile` makes a job of the same name, `letter` awaits a message."""
MODEL = bpmn(start() + job("task", type=PROCESS) + end(), "s>task task>e", id=PROCESS)
WAITING = bpmn(
    start() + catch("wait", on_message("m")) + end(),
    "s>wait wait>e",
    id=LETTER,
    definitions=message(LETTER, id="m"),
)


class Target:
    def __init__(self, served: Served, log: Path) -> None:
        self.address = served.address
        self._process = served.process
        self._log = log
        self.keys: list[int] = []
        """Of things that are there, or were."""

    def assert_well(self) -> None:
        """It answers, carries a process to its end, and nothing unexpected is in its log."""
        assert self._process.poll() is None, f"the server ended:\n{self._said()}"
        with grpc.insecure_channel(self.address) as channel:
            stub = stubs.GatewayStub(channel)  # type: ignore[no-untyped-call] # generated code
            assert stub.Topology(pb.TopologyRequest(), timeout=SECONDS).brokers
            _carry_one_through(stub)
        said = self._said()
        assert not re.search("Traceback|ERROR|Exception", said), said

    def _said(self) -> str:
        return self._log.read_text(errors="replace")


def target_of(served: Served, log: Path) -> Target:
    target = Target(served, log)
    with grpc.insecure_channel(served.address) as channel:
        stub = stubs.GatewayStub(channel)  # type: ignore[no-untyped-call] # generated code
        for name, content in ((PROCESS, MODEL), (LETTER, WAITING)):
            target.keys.append(_deploy(stub, f"{name}.bpmn", content))
            for _ in range(3):
                request = pb.CreateProcessInstanceRequest(bpmnProcessId=name, version=-1)
                created = stub.CreateProcessInstance(request, timeout=SECONDS)
                target.keys.append(created.processInstanceKey)
    # What belongs to the instances (elements, jobs, subscriptions) has the keys around theirs.
    target.keys = [key + distance for key in target.keys for distance in range(8)]
    return target


def _deploy(stub: Any, name: str, content: bytes) -> int:
    request = pb.DeployResourceRequest(resources=[pb.Resource(name=name, content=content)])
    (deployment,) = stub.DeployResource(request, timeout=SECONDS).deployments
    key: int = deployment.process.processDefinitionKey
    return key


def _carry_one_through(stub: Any) -> None:
    name = f"well-{uuid.uuid4().hex}"
    _deploy(stub, f"{name}.bpmn", bpmn(start() + job("task", type=name) + end(), "s>task task>e", id=name))
    create = pb.CreateProcessInstanceRequest(bpmnProcessId=name, version=-1, variables='{"a": 1}')
    awaited = stub.CreateProcessInstanceWithResult.future(
        pb.CreateProcessInstanceWithResultRequest(request=create, requestTimeout=50_000), timeout=SECONDS
    )
    ask = pb.ActivateJobsRequest(
        type=name, worker="well", timeout=60_000, maxJobsToActivate=1, requestTimeout=30_000
    )
    (found,) = [one for answer in stub.ActivateJobs(ask, timeout=SECONDS) for one in answer.jobs]
    stub.CompleteJob(pb.CompleteJobRequest(jobKey=found.key, variables='{"b": 2}'), timeout=SECONDS)
    assert json.loads(awaited.result().variables) == {"a": 1, "b": 2}
