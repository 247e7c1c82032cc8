"""PublishMessage."""

from __future__ import annotations

import json

import pytest
from grpc import StatusCode

from tests.building import bpmn, catch, element, end, io, job, message, on_message, outputs, start
from tests.gateway.clients import Client, refused, unique


@pytest.fixture
def name(client: Client) -> str:
    """A message name, which is the id of a process that waits for it, and the type of the job after it."""
    id = unique("paid")
    body = start() + catch("wait", on_message("m")) + job("task", type=id) + end()
    client.deploy(bpmn(body, "s>wait wait>task task>e", id=id, definitions=message(id, "=key", id="m")))
    return id


def test_a_message_reaches_who_waits_for_it(client: Client, name: str) -> None:
    created = client.create(name, {"key": "A-1"})

    assert client.publish(name, "A-1", {"amount": 19.9}) > 0

    found = client.job(name)
    assert found.processInstanceKey == created.processInstanceKey
    assert json.loads(found.variables) == {"key": "A-1", "amount": 19.9}


def test_a_message_waits_for_those_that_come_later(client: Client, name: str) -> None:
    client.publish(name, "A-1")

    created = client.create(name, {"key": "A-1"})

    assert client.job(name).processInstanceKey == created.processInstanceKey


def test_a_message_without_time_to_live_does_not_wait(client: Client, name: str) -> None:
    client.publish(name, "A-1", timeToLive=0)

    client.create(name, {"key": "A-1"})

    assert client.activate(name, wait=300) == []


def test_the_same_message_id_is_refused_while_it_lives(client: Client, name: str) -> None:
    client.publish(name, "A-1", messageId="m-1")

    with refused(StatusCode.ALREADY_EXISTS):
        client.publish(name, "A-1", messageId="m-1")
    assert client.publish(name, "A-2", messageId="m-1") > 0
    assert client.publish(name, "A-1", messageId="m-2") > 0


def test_messages_without_an_id_are_all_taken(client: Client, name: str) -> None:
    assert client.publish(name, "A-1") != client.publish(name, "A-1")


def test_a_message_starts_a_process(client: Client) -> None:
    id = unique("ordered")
    body = element("startEvent", "s", on_message("m")) + job("task", type=id) + end()
    client.deploy(bpmn(body, "s>task task>e", id=id, definitions=message(id, id="m")))

    client.publish(id, "A-1", {"order": 1})

    found = client.job(id)
    assert (found.bpmnProcessId, json.loads(found.variables)) == (id, {"order": 1})


def test_of_a_message_that_starts_only_what_is_mapped_goes_on(client: Client) -> None:
    id = unique("ordered")
    begun = element("startEvent", "s", on_message("m"), extensions=io(outputs(double="=order * 2")))
    body = begun + job("task", type=id) + end()
    client.deploy(bpmn(body, "s>task task>e", id=id, definitions=message(id, id="m")))

    client.publish(id, "A-1", {"order": 1, "more": 2})

    assert json.loads(client.job(id).variables) == {"double": 2}


def test_variables_must_be_an_object(client: Client, name: str) -> None:
    with refused(StatusCode.INVALID_ARGUMENT):
        client.publish(name, "A-1", "[1]")


def test_another_tenant_is_refused(client: Client, name: str) -> None:
    with refused(StatusCode.INVALID_ARGUMENT):
        client.publish(name, "A-1", tenantId="other")
