"""BroadcastSignal."""

from __future__ import annotations

import json

import pytest
from grpc import StatusCode
from pyzeebe.proto import gateway_pb2 as pb

from tests.building import bpmn, catch, element, end, io, job, on_signal, outputs, signal, start
from tests.gateway.clients import Client, refused, text, unique

ON_SIGNAL = on_signal("signal")


def broadcast(client: Client, name: str, variables: object = None, **fields: str) -> int:
    request = pb.BroadcastSignalRequest(signalName=name, variables=text(variables), **fields)
    key: int = client.call("BroadcastSignal", request).key
    return key


def test_a_signal_reaches_all_who_wait_for_it(client: Client) -> None:
    id = unique("wakes")
    body = (
        start() + job("before", type=f"{id}-before") + catch("wait", ON_SIGNAL) + job("task", type=id) + end()
    )
    client.deploy(
        bpmn(body, "s>before before>wait wait>task task>e", id=id, definitions=signal(id, id="signal"))
    )
    created = {client.create(id, {"a": 1}).processInstanceKey for _ in range(3)}
    for found in client.jobs(f"{id}-before", 3):
        client.complete(found)  # when this is answered, they wait

    assert broadcast(client, id, {"b": 2}) > 0

    woken = client.jobs(id, 3)
    assert {found.processInstanceKey for found in woken} == created
    assert [json.loads(found.variables) for found in woken] == [{"a": 1, "b": 2}] * 3


def test_a_signal_starts_a_process(client: Client) -> None:
    id = unique("starts")
    body = element("startEvent", "s", ON_SIGNAL) + job("task", type=id) + end()
    client.deploy(bpmn(body, "s>task task>e", id=id, definitions=signal(id, id="signal")))

    broadcast(client, id, {"order": 1})

    assert json.loads(client.job(id).variables) == {"order": 1}


def test_of_a_signal_that_starts_only_what_is_mapped_goes_on(client: Client) -> None:
    id = unique("starts")
    begun = element("startEvent", "s", ON_SIGNAL, extensions=io(outputs(double="=order * 2")))
    body = begun + job("task", type=id) + end()
    client.deploy(bpmn(body, "s>task task>e", id=id, definitions=signal(id, id="signal")))

    broadcast(client, id, {"order": 1, "more": 2})

    assert json.loads(client.job(id).variables) == {"double": 2}


def test_a_signal_nobody_waits_for_is_gone(client: Client) -> None:
    assert broadcast(client, unique("nobody")) > 0


def test_variables_must_be_an_object(client: Client) -> None:
    with refused(StatusCode.INVALID_ARGUMENT):
        broadcast(client, unique("signal"), "[1]")


@pytest.mark.parametrize("tenant", ["other"])
def test_another_tenant_is_refused(client: Client, tenant: str) -> None:
    with refused(StatusCode.INVALID_ARGUMENT):
        broadcast(client, unique("signal"), tenantId=tenant)
