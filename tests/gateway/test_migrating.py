"""MigrateProcessInstance: to another version, by a mapping of its active elements."""

from __future__ import annotations

import json
from typing import Any

import pytest
from grpc import StatusCode
from pyzeebe.proto import gateway_pb2 as pb

from tests.building import job
from tests.gateway.clients import UNKNOWN, Client, refused, unique
from tests.oracle.models import headers, line


def migrate(client: Client, instance: int, definition: int, *mapping: tuple[str, str]) -> None:
    kind = pb.MigrateProcessInstanceRequest
    plan = kind.MigrationPlan(
        targetProcessDefinitionKey=definition,
        mappingInstructions=[
            kind.MappingInstruction(sourceElementId=old, targetElementId=new) for old, new in mapping
        ],
    )
    client.call("MigrateProcessInstance", kind(processInstanceKey=instance, migrationPlan=plan))


class Versions:
    """An instance on the first of two versions of a process; their jobs are of two types."""

    def __init__(self, client: Client) -> None:
        self.id = unique("moves")
        self.old, self.new = f"{self.id}-old", f"{self.id}-new"
        first = job("a", type=self.old, extensions=headers(of="old"))
        second = job("a2", type=self.new, retries="9", extensions=headers(of="new"))
        last = job("b", type=f"{self.id}-last")
        client.deploy(line(first, id=self.id))
        self.instance: int = client.create(self.id).processInstanceKey
        deployed: Any = client.deploy(line(second, last, id=self.id))
        self.definition: int = deployed.deployments[0].process.processDefinitionKey


@pytest.fixture
def versions(client: Client) -> Versions:
    return Versions(client)


def test_the_job_goes_along_as_it_is(client: Client, versions: Versions) -> None:
    migrate(client, versions.instance, versions.definition, ("a", "a2"))

    found = client.job(versions.old)

    assert (found.elementId, found.processDefinitionVersion, found.retries) == ("a2", 2, 3)
    assert found.processDefinitionKey == versions.definition
    assert json.loads(found.customHeaders) == {"of": "old"}


def test_what_follows_is_of_the_new_version(client: Client, versions: Versions) -> None:
    migrate(client, versions.instance, versions.definition, ("a", "a2"))
    client.complete(client.job(versions.old))

    assert client.job(f"{versions.id}-last").processInstanceKey == versions.instance


def test_who_holds_the_job_can_answer_it(client: Client, versions: Versions) -> None:
    held = client.job(versions.old)
    migrate(client, versions.instance, versions.definition, ("a", "a2"))
    client.complete(held)

    assert client.job(f"{versions.id}-last").processInstanceKey == versions.instance


@pytest.mark.parametrize(
    ("mapping", "code"),
    [
        ([], StatusCode.FAILED_PRECONDITION),
        ([("a", "e")], StatusCode.FAILED_PRECONDITION),
        ([("a", "z")], StatusCode.INVALID_ARGUMENT),
        ([("a", "a2"), ("z", "a2")], StatusCode.INVALID_ARGUMENT),
        ([("a", "a2"), ("a", "b")], StatusCode.INVALID_ARGUMENT),
    ],
)
def test_a_mapping_that_cannot_be_followed_is_refused(
    client: Client, versions: Versions, mapping: list[tuple[str, str]], code: StatusCode
) -> None:
    with refused(code) as refusal:
        migrate(client, versions.instance, versions.definition, *mapping)
    assert "Command 'MIGRATE' rejected" in refusal.text
    assert client.job(versions.old).processDefinitionVersion == 1


def test_an_unknown_instance_or_definition_is_not_found(client: Client, versions: Versions) -> None:
    with refused(StatusCode.NOT_FOUND):
        migrate(client, UNKNOWN, versions.definition, ("a", "a2"))
    with refused(StatusCode.NOT_FOUND):
        migrate(client, versions.instance, UNKNOWN, ("a", "a2"))


def test_an_instance_that_has_ended_is_not_found(client: Client, versions: Versions) -> None:
    client.cancel(versions.instance)
    with refused(StatusCode.NOT_FOUND):
        migrate(client, versions.instance, versions.definition, ("a", "a2"))
