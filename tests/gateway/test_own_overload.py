"""Our own server only: past what it can do it refuses new work at once, and never what ends work."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

import grpc
import pytest
from grpc import StatusCode
from grpc_health.v1 import health_pb2, health_pb2_grpc
from pyzeebe.proto import gateway_pb2 as pb

from procession.errors import ResourceExhausted
from procession.gateway.grpc.admission import FIRST, LAG_SECONDS, LEAST, Admission
from tests.building import bpmn, end, job, start
from tests.gateway.clients import SECONDS, Client, channels
from tests.gateway.servers import serving

WORK = bpmn(start() + job("work") + end(), "s>work work>e", id="order")
MANY = int(FIRST) + 200


@contextmanager
def held(url: str) -> Iterator[None]:
    """Nobody else can write the database meanwhile."""
    holder = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        holder.execute("ROLLBACK")
        holder.close()


def begin(client: Client) -> Any:
    request = pb.CreateProcessInstanceRequest(bpmnProcessId="order", version=-1)
    return client.stub.CreateProcessInstance.future(request, timeout=SECONDS)


def test_a_server_that_cannot_keep_up_refuses_new_work_at_once(fresh: str) -> None:
    with serving(fresh) as served, ThreadPoolExecutor(1) as threads:
        for client in channels(served.address):
            client.deploy(WORK)
            client.create("order")
            found = client.job("work")
            with held(fresh):
                started = [begin(client) for _ in range(MANY)]
                first = next(call for call in iter_done(started))
                completed: Future[None] = threads.submit(client.complete, found)

                assert first.code() is StatusCode.RESOURCE_EXHAUSTED
                assert "try again later" in first.details()
            completed.result()
            codes = [call.code() for call in started]

            assert set(codes) == {StatusCode.OK, StatusCode.RESOURCE_EXHAUSTED}
            assert len(client.jobs("work", codes.count(StatusCode.OK))) == codes.count(StatusCode.OK)
            assert client.create("order").processInstanceKey > 0


def iter_done(calls: list[Any]) -> Iterator[Any]:
    """Calls that have ended, as long as some are left."""
    while True:
        yield from (call for call in calls if call.done())
        time.sleep(0.01)


def test_the_limit_falls_to_what_takes_about_a_second() -> None:
    admission = Admission()
    for _ in range(20):
        among = [admission.enter() for _ in range(int(admission.limit))]
        for number in among:
            admission.leave(number, number / 300)  # the node does 300 a second
    assert admission.limit == pytest.approx(300, rel=0.1)


def test_the_limit_never_closes() -> None:
    admission = Admission()
    for _ in range(1000):
        admission.leave(admission.enter(), 60.0)
    assert admission.limit >= LEAST


def test_the_limit_gives_way_while_it_is_reached_in_time() -> None:
    admission = Admission()
    for _ in range(10):
        among = [admission.enter() for _ in range(int(admission.limit))]
        for number in among:
            admission.leave(number, 0.1)
    assert admission.limit > FIRST * 2


def test_past_the_limit_it_refuses() -> None:
    admission = Admission()
    for _ in range(int(FIRST)):
        admission.enter()
    with pytest.raises(ResourceExhausted):
        admission.enter()


def test_while_the_loop_lags_what_is_under_way_comes_first() -> None:
    # Given
    admission = Admission()
    with ExitStack() as answers:
        for _ in range(int(LEAST)):
            answers.enter_context(admission.always())

        # When, Then
        with pytest.raises(ResourceExhausted), admission.new_work(LAG_SECONDS * 2):
            pass
        with admission.new_work(LAG_SECONDS / 2):
            assert admission.under_way == 1

    # Then: with little under way a slow machine refuses nothing
    with admission.new_work(LAG_SECONDS * 2):
        assert admission.under_way == 1
    assert (admission.under_way, admission.ending) == (0, 0)


def test_a_database_that_cannot_be_reached_is_unavailable_and_shows_in_the_health(
    postgres: Any, empty_postgresql_url: str
) -> None:
    with serving(empty_postgresql_url) as served:
        for client in channels(served.address):
            client.deploy(WORK)
            postgres.stop()
            try:
                wait_for_health(client, health_pb2.HealthCheckResponse.NOT_SERVING)
                with pytest.raises(grpc.RpcError) as failure:
                    client.create("order")
                assert failure.value.code() is StatusCode.UNAVAILABLE
            finally:
                postgres.start()
            wait_for_health(client, health_pb2.HealthCheckResponse.SERVING)
            assert client.create("order").processInstanceKey > 0


def wait_for_health(client: Client, status: Any) -> None:
    """Until the server says so of itself."""
    watch = health_pb2_grpc.HealthStub(client.channel).Watch(
        health_pb2.HealthCheckRequest(service="gateway_protocol.Gateway"), timeout=SECONDS
    )
    while next(watch).status != status:
        pass
    watch.cancel()
