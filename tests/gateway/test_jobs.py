"""ActivateJobs, and what workers answer."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from grpc import StatusCode
from pyzeebe.proto import gateway_pb2 as pb

from tests.building import boundary, bpmn, end, error, io, job, on_error, outputs, start
from tests.gateway.clients import SECONDS, UNKNOWN, Client, refused, unique

HEADERS = '<zeebe:taskHeaders><zeebe:header key="method" value="card"/></zeebe:taskHeaders>'


@pytest.fixture
def type(client: Client) -> str:
    """A job type, which is the id of a process with one such job as well."""
    id = unique("work")
    body = start() + job("task", type=id, extensions=HEADERS) + end()
    client.deploy(bpmn(body, "s>task task>e", id=id))
    return id


def poll(type: str, **fields: object) -> pb.ActivateJobsRequest:
    return pb.ActivateJobsRequest(
        **{"type": type, "worker": "test", "timeout": 60_000, "maxJobsToActivate": 1, **fields}
    )


# --- handing out ----------------------------------------------------------------------------------


def test_a_job_tells_all_about_itself(client: Client, type: str) -> None:
    created = client.create(type, {"order": 7})
    before = time.time() * 1000

    found = client.job(type, worker="me", timeout=60_000)

    assert found.key > 0
    assert found.type == type
    assert found.processInstanceKey == created.processInstanceKey
    assert (found.bpmnProcessId, found.processDefinitionVersion) == (type, 1)
    assert found.processDefinitionKey == created.processDefinitionKey
    assert found.elementId == "task"
    assert found.elementInstanceKey > 0
    assert json.loads(found.customHeaders) == {"method": "card"}
    assert (found.worker, found.retries, found.tenantId) == ("me", 3, "<default>")
    assert before + 30_000 < found.deadline < before + 120_000
    assert json.loads(found.variables) == {"order": 7}


def test_only_the_variables_that_are_wanted_are_fetched(client: Client, type: str) -> None:
    client.create(type, {"a": 1, "b": 2})

    found = client.job(type, fetchVariable=["b", "c"])

    assert json.loads(found.variables) == {"b": 2}


def test_no_more_jobs_than_were_asked_for(client: Client, type: str) -> None:
    for _ in range(5):
        client.create(type)

    first = client.jobs(type, 2)
    rest = client.jobs(type, 3)

    assert len({found.key for found in (*first, *rest)}) == 5


def test_a_poll_waits_for_a_job(client: Client, type: str) -> None:
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(client.job, type)
        time.sleep(0.2)
        created = client.create(type)

        assert waiting.result().processInstanceKey == created.processInstanceKey


def test_a_poll_that_finds_nothing_answers_nothing(client: Client, type: str) -> None:
    assert client.activate(type, wait=100) == []


def test_a_poll_with_a_negative_timeout_does_not_wait(client: Client, type: str) -> None:
    began = time.monotonic()
    assert client.activate(type, wait=-1) == []
    assert time.monotonic() - began < 8  # by default it would wait for ten seconds

    client.create(type)
    found = []
    while not found:
        found = client.activate(type, wait=-1)
    assert len(found) == 1


def test_a_leased_job_is_not_handed_out_twice(client: Client, type: str) -> None:
    client.create(type)
    client.job(type)

    assert client.activate(type, wait=200) == []


def test_a_job_whose_lease_has_ended_is_handed_out_again(client: Client, type: str) -> None:
    client.create(type)
    first = client.job(type, timeout=100)

    again = client.job(type)

    assert (again.key, again.retries) == (first.key, first.retries)


def test_a_job_whose_lease_has_ended_may_still_be_completed(client: Client, type: str) -> None:
    client.create(type)
    found = client.job(type, timeout=1)
    time.sleep(0.2)

    client.complete(found)

    assert client.activate(type, wait=200) == []


def test_a_client_that_leaves_its_poll_costs_no_job(client: Client, type: str) -> None:
    left = client.stub.ActivateJobs(poll(type, requestTimeout=30_000, timeout=600_000), timeout=SECONDS)
    time.sleep(0.2)
    left.cancel()
    time.sleep(0.2)

    created = client.create(type)

    assert client.job(type).processInstanceKey == created.processInstanceKey


def test_a_poll_past_its_deadline_costs_no_job(client: Client, type: str) -> None:
    with pytest.raises(grpc.RpcError) as failure:
        list(client.stub.ActivateJobs(poll(type, requestTimeout=30_000, timeout=600_000), timeout=0.3))
    assert failure.value.code() is StatusCode.DEADLINE_EXCEEDED

    created = client.create(type)

    assert client.job(type).processInstanceKey == created.processInstanceKey


@pytest.mark.parametrize("fields", [{"type": ""}, {"timeout": 0}, {"timeout": -1}, {"tenantIds": ["other"]}])
def test_a_poll_that_cannot_be_right(client: Client, type: str, fields: dict[str, object]) -> None:
    with refused(StatusCode.INVALID_ARGUMENT):
        list(client.stub.ActivateJobs(poll(**{"type": type, **fields}), timeout=SECONDS))


# --- completing -----------------------------------------------------------------------------------


def test_completing_takes_the_variables_on(client: Client, type: str) -> None:
    with ThreadPoolExecutor(1) as threads:
        result = threads.submit(client.result, type, {"a": 1})
        client.complete(client.job(type), {"b": 2.5})

        assert result.result() == {"a": 1, "b": 2.5}


def test_a_job_is_completed_once(client: Client, type: str) -> None:
    client.create(type)
    found = client.job(type)
    client.complete(found)

    with refused(StatusCode.NOT_FOUND) as refusal:
        client.complete(found)
    assert str(found.key) in refusal.text
    assert "Command 'COMPLETE' rejected with code 'NOT_FOUND'" in refusal.text


def test_completing_with_anything_but_an_object_is_refused(client: Client, type: str) -> None:
    client.create(type)
    found = client.job(type)

    with refused(StatusCode.INVALID_ARGUMENT):
        client.complete(found, "[1]")
    client.complete(found, "null")


# --- failing --------------------------------------------------------------------------------------


def test_a_failed_job_comes_again_with_the_retries_it_was_given(client: Client, type: str) -> None:
    client.create(type)
    client.fail(client.job(type), 7, errorMessage="later")

    assert client.job(type).retries == 7


def test_the_variables_of_a_failure_stay_with_the_job(client: Client, type: str) -> None:
    with ThreadPoolExecutor(1) as threads:
        result = threads.submit(client.result, type, {"a": 1})
        client.fail(client.job(type), 2, variables='{"tries": 1}')
        again = client.job(type)
        client.complete(again)

        assert json.loads(again.variables) == {"a": 1, "tries": 1}
        assert result.result() == {"a": 1}


def test_a_backoff_keeps_the_job_for_a_while(client: Client, type: str) -> None:
    client.create(type)
    failed = client.job(type)
    began = time.monotonic()
    client.fail(failed, 2, retryBackOff=1500)

    assert client.job(type).key == failed.key
    assert time.monotonic() - began >= 1.4


def test_a_job_that_backs_off_is_answered_by_nobody(client: Client, type: str) -> None:
    client.create(type)
    failed = client.job(type)
    client.fail(failed, 2, retryBackOff=3_600_000)

    with refused(StatusCode.FAILED_PRECONDITION):
        client.complete(failed)


def test_a_job_without_retries_waits_for_its_incident(client: Client, type: str) -> None:
    client.create(type)
    failed = client.job(type)
    client.fail(failed, 0, errorMessage="broken")

    assert client.activate(type, wait=200) == []
    with refused(StatusCode.FAILED_PRECONDITION):
        client.complete(failed)


def test_an_incident_is_resolved_once_the_job_has_retries(client: Client, type: str) -> None:
    client.create(type)
    failed = client.job(type)
    client.fail(failed, 0)
    client.call("UpdateJobRetries", pb.UpdateJobRetriesRequest(jobKey=failed.key, retries=2))

    incident = client.resolve_incident_after(failed.key)

    assert client.job(type).retries == 2
    with refused(StatusCode.NOT_FOUND) as refusal:
        client.call("ResolveIncident", pb.ResolveIncidentRequest(incidentKey=incident))
    assert str(incident) in refusal.text


# --- errors ---------------------------------------------------------------------------------------


def test_a_thrown_error_goes_to_who_catches_it(client: Client) -> None:
    id = unique("catches")
    caught = boundary("caught", "task", on_error("BAD"), io=io(outputs(seen="=why")))
    body = start() + job("task", type=id) + caught + end() + end("sorry")
    client.deploy(bpmn(body, "s>task task>e caught>sorry", id=id, definitions=error("BAD")))

    with ThreadPoolExecutor(1) as threads:
        result = threads.submit(client.result, id)
        client.throw(client.job(id), "BAD", errorMessage="no", variables='{"why": "late"}')

        assert result.result() == {"seen": "late"}


def test_an_error_nobody_catches_is_an_incident(client: Client, type: str) -> None:
    client.create(type)
    found = client.job(type)
    client.throw(found, "UNKNOWN")

    with refused(StatusCode.FAILED_PRECONDITION):
        client.complete(found)
    client.resolve_incident_after(found.key)
    assert client.job(type).key == found.key


# --- changing -------------------------------------------------------------------------------------


def test_retries_are_updated(client: Client, type: str) -> None:
    client.create(type)
    found = client.job(type, timeout=500)
    client.call("UpdateJobRetries", pb.UpdateJobRetriesRequest(jobKey=found.key, retries=9))

    assert client.job(type).retries == 9


@pytest.mark.parametrize("retries", [0, -1])
def test_retries_below_one_are_refused(client: Client, type: str, retries: int) -> None:
    client.create(type)
    found = client.job(type)

    with refused(StatusCode.INVALID_ARGUMENT):
        client.call("UpdateJobRetries", pb.UpdateJobRetriesRequest(jobKey=found.key, retries=retries))


def test_a_lease_is_shortened(client: Client, type: str) -> None:
    client.create(type)
    found = client.job(type, timeout=600_000)
    client.call("UpdateJobTimeout", pb.UpdateJobTimeoutRequest(jobKey=found.key, timeout=100))

    assert client.job(type).key == found.key


@pytest.mark.parametrize(
    ("name", "request_"),
    [
        ("CompleteJob", pb.CompleteJobRequest(jobKey=UNKNOWN)),
        ("FailJob", pb.FailJobRequest(jobKey=UNKNOWN, retries=1)),
        ("ThrowError", pb.ThrowErrorRequest(jobKey=UNKNOWN, errorCode="e")),
        ("UpdateJobRetries", pb.UpdateJobRetriesRequest(jobKey=UNKNOWN, retries=1)),
        ("UpdateJobTimeout", pb.UpdateJobTimeoutRequest(jobKey=UNKNOWN, timeout=1000)),
        ("ResolveIncident", pb.ResolveIncidentRequest(incidentKey=UNKNOWN)),
        ("CancelProcessInstance", pb.CancelProcessInstanceRequest(processInstanceKey=UNKNOWN)),
    ],
)
def test_what_is_not_there_is_not_found(client: Client, name: str, request_: object) -> None:
    with refused(StatusCode.NOT_FOUND) as refusal:
        client.call(name, request_)
    assert str(UNKNOWN) in refusal.text
