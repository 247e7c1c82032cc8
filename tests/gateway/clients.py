"""A thin client of the raw protocol: requests are the stubs' own messages, by name."""

from __future__ import annotations

import itertools
import json
import uuid
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from pyzeebe.proto import gateway_pb2 as pb
from pyzeebe.proto import gateway_pb2_grpc as stubs

SECONDS = 60.0
"""After which a call that should have answered long ago fails the test."""
UNKNOWN = (1 << 51) + (1 << 40)
"""A key of the one partition, which no test will ever reach."""
_numbers = itertools.count(1)


def unique(word: str) -> str:
    """A name nobody else uses on a shared server."""
    return f"{word}-{uuid.uuid4().hex[:8]}-{next(_numbers)}"


class Client:
    """Calls of one channel. What a test does not name has the default of the protocol."""

    def __init__(self, channel: grpc.Channel) -> None:
        self.channel = channel
        self.stub = stubs.GatewayStub(channel)  # type: ignore[no-untyped-call] # generated code

    def call(self, name: str, request: Any) -> Any:
        return getattr(self.stub, name)(request, timeout=SECONDS)

    def deploy(self, content: bytes, name: str = "model.bpmn") -> Any:
        resource = pb.Resource(name=name, content=content)
        return self.call("DeployResource", pb.DeployResourceRequest(resources=[resource]))

    def create(self, process_id: str, variables: Any = None, **fields: Any) -> Any:
        request = pb.CreateProcessInstanceRequest(
            **{"bpmnProcessId": process_id, "version": -1, "variables": text(variables), **fields}
        )
        return self.call("CreateProcessInstance", request)

    def result(self, process_id: str, variables: Any = None, **fields: Any) -> dict[str, Any]:
        """Create an instance and wait for its variables."""
        created = pb.CreateProcessInstanceRequest(
            bpmnProcessId=process_id, version=-1, variables=text(variables)
        )
        request = pb.CreateProcessInstanceWithResultRequest(
            request=created, **{"requestTimeout": 30_000, **fields}
        )
        found: dict[str, Any] = json.loads(self.call("CreateProcessInstanceWithResult", request).variables)
        return found

    def activate(self, type: str, most: int = 1, *, wait: int = 30_000, **fields: Any) -> list[Any]:
        """Jobs; `wait` is the requestTimeout in milliseconds."""
        request = pb.ActivateJobsRequest(
            **{
                "type": type,
                "worker": "test",
                "timeout": 60_000,
                "maxJobsToActivate": most,
                "requestTimeout": wait,
                **fields,
            }
        )
        answers = self.stub.ActivateJobs(request, timeout=SECONDS)
        return [job for answer in answers for job in answer.jobs]

    def job(self, type: str, **fields: Any) -> Any:
        """The one job of a type."""
        (job,) = self.activate(type, **fields)
        return job

    def jobs(self, type: str, count: int, **fields: Any) -> list[Any]:
        """So many jobs, in as many polls as it takes."""
        found: list[Any] = []
        while len(found) < count:
            found += self.activate(type, count - len(found), **fields)
        return found

    def stream(self, type: str, **fields: Any) -> Any:
        """Jobs as they come; the answer can be cancelled."""
        request = pb.StreamActivatedJobsRequest(
            **{"type": type, "worker": "test", "timeout": 60_000, **fields}
        )
        return self.stub.StreamActivatedJobs(request, timeout=SECONDS)

    def complete(self, job: Any, variables: Any = None) -> None:
        self.call("CompleteJob", pb.CompleteJobRequest(jobKey=job.key, variables=text(variables)))

    def fail(self, job: Any, retries: int, **fields: Any) -> None:
        self.call("FailJob", pb.FailJobRequest(jobKey=job.key, retries=retries, **fields))

    def throw(self, job: Any, code: str, **fields: Any) -> None:
        self.call("ThrowError", pb.ThrowErrorRequest(jobKey=job.key, errorCode=code, **fields))

    def publish(self, name: str, key: str = "", variables: Any = None, **fields: Any) -> int:
        request = pb.PublishMessageRequest(
            name=name, correlationKey=key, variables=text(variables), **{"timeToLive": 60_000, **fields}
        )
        published: int = self.call("PublishMessage", request).key
        return published

    def cancel(self, key: int) -> None:
        self.call("CancelProcessInstance", pb.CancelProcessInstanceRequest(processInstanceKey=key))

    def resolve_incident_after(self, key: int) -> int:
        """Resolve the incident that came soon after something with this key; answers the incident's.

        The protocol does not tell the keys of incidents; they are taken from the same counter.
        """
        for candidate in range(key + 1, key + 200):
            try:
                self.call("ResolveIncident", pb.ResolveIncidentRequest(incidentKey=candidate))
            except grpc.RpcError as error:
                if error.code() is not grpc.StatusCode.NOT_FOUND:
                    raise
            else:
                return candidate
        raise AssertionError(f"no incident was found after {key}")


def text(variables: Any) -> str:
    """Variables as JSON; a text is taken as it is."""
    if isinstance(variables, str):
        return variables
    return json.dumps(variables or {})


class refused:  # noqa: N801 - reads as a word in `with refused(code)`
    """The block must be refused with a status code; `text` is what was said."""

    def __init__(self, code: grpc.StatusCode) -> None:
        self._code = code
        self.text = ""

    def __enter__(self) -> refused:
        return self

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> bool:
        if error is None:
            pytest.fail(f"it was not refused with {self._code.name}")
        if not isinstance(error, grpc.RpcError):
            return False
        self.text = error.details() or ""
        assert error.code() is self._code, f"{error.code()}: {self.text}"
        return True


def channels(address: str, **options: Any) -> Iterator[Client]:
    with grpc.insecure_channel(address, **options) as channel:
        yield Client(channel)
