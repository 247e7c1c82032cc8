"""DeployResource and DeployProcess."""

from __future__ import annotations

from grpc import StatusCode
from pyzeebe.proto import gateway_pb2 as pb

from tests.building import bpmn, end, file, job, process, start
from tests.gateway.clients import Client, refused, unique


def model(process_id: str, type: str = "work") -> bytes:
    return bpmn(start() + job("task", type=type) + end(), "s>task task>e", id=process_id)


def test_a_deployment_answers_what_it_made(client: Client) -> None:
    id = unique("order")
    answer = client.deploy(model(id), "order.bpmn")

    made = answer.deployments[0].process
    assert (made.bpmnProcessId, made.version, made.resourceName) == (id, 1, "order.bpmn")
    assert made.processDefinitionKey > 0
    assert answer.key > 0
    assert (made.tenantId, answer.tenantId) == ("<default>", "<default>")


def test_the_same_file_keeps_its_version_and_a_changed_one_gets_the_next(client: Client) -> None:
    id = unique("order")
    first = client.deploy(model(id)).deployments[0].process
    again = client.deploy(model(id)).deployments[0].process
    changed = client.deploy(model(id, "other")).deployments[0].process

    assert (again.processDefinitionKey, again.version) == (first.processDefinitionKey, 1)
    assert changed.version == 2
    assert changed.processDefinitionKey > first.processDefinitionKey


def test_a_file_may_hold_several_processes(client: Client) -> None:
    ids = [unique("a"), unique("b")]
    content = file(
        process(start("s1") + end("e1"), "s1>e1", id=ids[0]),
        process(start("s2") + end("e2"), "s2>e2", id=ids[1]),
    )

    answer = client.deploy(content)

    assert {deployment.process.bpmnProcessId for deployment in answer.deployments} == set(ids)


def test_the_old_call_deploys_processes_too(client: Client) -> None:
    id = unique("order")
    request = pb.DeployProcessRequest(
        processes=[pb.ProcessRequestObject(name="order.bpmn", definition=model(id))]
    )

    answer = client.call("DeployProcess", request)

    assert [(made.bpmnProcessId, made.version) for made in answer.processes] == [(id, 1)]


def test_a_deployment_without_files_is_refused(client: Client) -> None:
    with refused(StatusCode.INVALID_ARGUMENT):
        client.call("DeployResource", pb.DeployResourceRequest())


def test_a_file_that_is_no_bpmn_is_refused_and_named(client: Client) -> None:
    with refused(StatusCode.INVALID_ARGUMENT) as refusal:
        client.deploy(b"<html/>", "page.bpmn")
    assert "page.bpmn" in refusal.text


def test_one_bad_file_refuses_all(client: Client) -> None:
    id = unique("order")
    resources = [pb.Resource(name="good.bpmn", content=model(id)), pb.Resource(name="bad.bpmn", content=b"<")]

    with refused(StatusCode.INVALID_ARGUMENT):
        client.call("DeployResource", pb.DeployResourceRequest(resources=resources))

    with refused(StatusCode.NOT_FOUND):
        client.create(id)


def test_a_fault_is_named_by_its_element(client: Client) -> None:
    content = bpmn(start() + '<serviceTask id="untyped"/>' + end(), "s>untyped untyped>e", id=unique("p"))

    with refused(StatusCode.INVALID_ARGUMENT) as refusal:
        client.deploy(content)
    assert "untyped" in refusal.text


def test_another_tenant_is_refused(client: Client) -> None:
    resource = pb.Resource(name="order.bpmn", content=model(unique("order")))
    with refused(StatusCode.INVALID_ARGUMENT):
        client.call("DeployResource", pb.DeployResourceRequest(resources=[resource], tenantId="other"))
