"""StreamActivatedJobs: jobs are pushed as they come."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from grpc import StatusCode

from tests.building import bpmn, end, job, start
from tests.gateway.clients import Client, refused, unique


@pytest.fixture
def type(client: Client) -> str:
    id = unique("pushed")
    client.deploy(bpmn(start() + job("task", type=id) + end(), "s>task task>e", id=id))
    return id


@pytest.fixture
def stream(client: Client, type: str) -> Iterator[Any]:
    """An open stream of the type."""
    stream = client.stream(type)
    time.sleep(0.5)  # a real Zeebe does not say when it is open, and pushes what comes afterwards only
    yield stream
    stream.cancel()


def test_a_new_job_is_pushed(client: Client, type: str, stream: Any) -> None:
    created = client.create(type, {"a": 1})

    found = next(stream)

    assert (found.processInstanceKey, found.type, found.worker) == (created.processInstanceKey, type, "test")
    assert found.variables.replace(" ", "") == '{"a":1}'
    client.complete(found)


def test_every_job_is_pushed_once(client: Client, type: str, stream: Any) -> None:
    created = {client.create(type).processInstanceKey for _ in range(100)}

    pushed = []
    for _ in range(100):
        found = next(stream)
        client.complete(found)
        pushed.append(found.processInstanceKey)

    assert set(pushed) == created


def test_a_retried_job_is_pushed_again(client: Client, type: str, stream: Any) -> None:
    client.create(type)
    client.fail(next(stream), 5)

    assert next(stream).retries == 5


def test_a_pushed_job_is_not_polled_too(client: Client, type: str, stream: Any) -> None:
    client.create(type)
    next(stream)

    assert client.activate(type, wait=200) == []


def test_jobs_are_polled_once_the_stream_is_left(client: Client, type: str, stream: Any) -> None:
    stream.cancel()
    time.sleep(0.5)

    created = client.create(type)

    assert client.job(type).processInstanceKey == created.processInstanceKey


def test_a_stream_past_its_deadline_ends(client: Client, type: str) -> None:
    stream = client.stub.StreamActivatedJobs(_request(type), timeout=0.3)
    with pytest.raises(grpc.RpcError) as failure:
        next(stream)
    assert failure.value.code() is StatusCode.DEADLINE_EXCEEDED


@pytest.mark.parametrize("fields", [{"type": ""}, {"timeout": 0}, {"tenantIds": ["other"]}])
def test_a_stream_that_cannot_be_right(client: Client, type: str, fields: dict[str, Any]) -> None:
    with refused(StatusCode.INVALID_ARGUMENT):
        next(client.stream(**{"type": type, **fields}))


def _request(type: str) -> Any:
    from pyzeebe.proto import gateway_pb2 as pb

    return pb.StreamActivatedJobsRequest(type=type, worker="test", timeout=60_000)
