"""Creating instances, with and without waiting; cancelling; setting variables."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from grpc import StatusCode
from pyzeebe.proto import gateway_pb2 as pb

from tests.building import bpmn, call, catch, element, end, file, job, message, on_message, process, start
from tests.gateway.clients import UNKNOWN, Client, refused, unique


@pytest.fixture
def waiting(client: Client) -> str:
    """A process whose instances wait at a job; its id is the job's type."""
    id = unique("waits")
    client.deploy(bpmn(start() + job("task", type=id) + end(), "s>task task>e", id=id))
    return id


@pytest.fixture
def passing(client: Client) -> str:
    """A process whose instances end at once."""
    id = unique("passes")
    client.deploy(bpmn(start() + end(), "s>e", id=id))
    return id


def test_an_instance_of_the_latest_version(client: Client, waiting: str) -> None:
    created = client.create(waiting)

    assert created.processInstanceKey > 0
    assert (created.bpmnProcessId, created.version, created.tenantId) == (waiting, 1, "<default>")


def test_an_instance_of_a_named_version(client: Client, waiting: str) -> None:
    client.deploy(bpmn(start() + end(), "s>e", id=waiting))

    assert client.create(waiting).version == 2
    assert client.create(waiting, version=1).version == 1


def test_an_instance_by_definition_key(client: Client, waiting: str) -> None:
    key = client.create(waiting).processDefinitionKey

    created = client.create("", processDefinitionKey=key)

    assert (created.bpmnProcessId, created.processDefinitionKey) == (waiting, key)


@pytest.mark.parametrize("version", [7, 0])
def test_an_unknown_version_is_not_found(client: Client, waiting: str, version: int) -> None:
    with refused(StatusCode.NOT_FOUND) as refusal:
        client.create(waiting, version=version)
    assert waiting in refusal.text
    assert "Command 'CREATE' rejected with code 'NOT_FOUND'" in refusal.text


def test_an_unknown_process_is_not_found(client: Client) -> None:
    with refused(StatusCode.NOT_FOUND):
        client.create(unique("unknown"))


def test_an_unknown_definition_key_is_not_found(client: Client) -> None:
    with refused(StatusCode.NOT_FOUND):
        client.create("", processDefinitionKey=UNKNOWN)


def test_naming_no_process_is_not_found(client: Client) -> None:
    with refused(StatusCode.NOT_FOUND):
        client.create("")


def test_a_process_that_only_messages_start_cannot_be_created(client: Client) -> None:
    id = unique("started")
    body = element("startEvent", "s", on_message("m")) + end()
    client.deploy(bpmn(body, "s>e", id=id, definitions=message(id, id="m")))

    with refused(StatusCode.FAILED_PRECONDITION):
        client.create(id)


@pytest.mark.parametrize("variables", ["[1]", "7", '"text"', "{", '{"a": }', "nothing"])
def test_variables_must_be_a_json_object(client: Client, waiting: str, variables: str) -> None:
    with refused(StatusCode.INVALID_ARGUMENT):
        client.create(waiting, variables)


@pytest.mark.parametrize("variables", ["", "null", "{}"])
def test_nothing_is_no_variables(client: Client, passing: str, variables: str) -> None:
    assert client.result(passing, variables) == {}


def test_numbers_stay_as_they_were_written(client: Client, waiting: str) -> None:
    client.create(waiting, '{"whole": 1, "fraction": 1.0, "big": 9007199254740993, "low": -5}')

    found = client.job(waiting).variables

    assert json.loads(found, parse_float=str, parse_int=int) == {
        "whole": 1,
        "fraction": "1.0",
        "big": 9007199254740993,
        "low": -5,
    }


def test_texts_of_all_kinds_come_back(client: Client, passing: str) -> None:
    values = {"zażółć": "gęślą jaźń 🙂", 'quo"te': "line\nbreak\t\\", "nested": {"list": [None, True, {}]}}

    assert client.result(passing, values) == values


def test_another_tenant_is_refused(client: Client, waiting: str) -> None:
    with refused(StatusCode.INVALID_ARGUMENT):
        client.create(waiting, tenantId="other")


# --- with the result ------------------------------------------------------------------------------


def test_the_result_is_what_the_instance_has_at_its_end(client: Client, waiting: str) -> None:
    with ThreadPoolExecutor(1) as threads:
        result = threads.submit(client.result, waiting, {"asked": 1})
        client.complete(client.job(waiting), {"answered": 2})

        assert result.result() == {"asked": 1, "answered": 2}


def test_only_the_variables_that_are_wanted_are_fetched(client: Client, passing: str) -> None:
    assert client.result(passing, {"a": 1, "b": 2}, fetchVariables=["b", "c"]) == {"b": 2}


def test_a_result_that_does_not_come_in_time(client: Client, waiting: str) -> None:
    with refused(StatusCode.DEADLINE_EXCEEDED):
        client.result(waiting, requestTimeout=200)


def test_no_result_of_an_unknown_process(client: Client) -> None:
    with refused(StatusCode.NOT_FOUND):
        client.result(unique("unknown"))


# --- cancelling -----------------------------------------------------------------------------------


def test_cancelling_takes_the_jobs_away(client: Client, waiting: str) -> None:
    key = client.create(waiting).processInstanceKey
    found = client.job(waiting)

    client.cancel(key)

    with refused(StatusCode.NOT_FOUND):
        client.complete(found)
    with refused(StatusCode.NOT_FOUND) as refusal:
        client.cancel(key)
    assert str(key) in refusal.text


def test_a_called_instance_cannot_be_cancelled_by_itself(client: Client) -> None:
    caller, called, type = unique("caller"), unique("called"), unique("work")
    client.deploy(
        file(
            process(start("s1") + call("c", called) + end("e1"), "s1>c c>e1", id=caller),
            process(start() + job("task", type=type) + end(), "s>task task>e", id=called),
        )
    )
    client.create(caller)

    with refused(StatusCode.FAILED_PRECONDITION):
        client.cancel(client.job(type).processInstanceKey)


# --- variables ------------------------------------------------------------------------------------


def set_variables(client: Client, key: int, variables: str, *, local: bool = False) -> int:
    request = pb.SetVariablesRequest(elementInstanceKey=key, variables=variables, local=local)
    answered: int = client.call("SetVariables", request).key
    return answered


def test_variables_set_on_an_instance_reach_its_jobs(client: Client, waiting: str) -> None:
    id, name = unique("later"), unique("go")
    body = start() + catch("wait", on_message(name)) + job("task", type=id) + end()
    client.deploy(bpmn(body, "s>wait wait>task task>e", id=id, definitions=message(name, '="k"')))
    key = client.create(id, {"a": 1}).processInstanceKey

    assert set_variables(client, key, '{"a": 2, "b": 3}') > 0
    client.publish(name, "k")

    assert json.loads(client.job(id).variables) == {"a": 2, "b": 3}


def test_local_variables_stay_where_they_were_set(client: Client, waiting: str) -> None:
    with ThreadPoolExecutor(1) as threads:
        result = threads.submit(client.result, waiting, {"a": 1})
        found = client.job(waiting)
        set_variables(client, found.elementInstanceKey, '{"local": 2}', local=True)
        set_variables(client, found.elementInstanceKey, '{"outer": 3}')
        client.complete(found)

        assert result.result() == {"a": 1, "outer": 3}


def test_variables_of_nothing_are_not_found(client: Client) -> None:
    with refused(StatusCode.NOT_FOUND):
        set_variables(client, UNKNOWN, '{"a": 1}')


def test_variables_that_are_set_must_be_an_object(client: Client, waiting: str) -> None:
    key = client.create(waiting).processInstanceKey
    with refused(StatusCode.INVALID_ARGUMENT):
        set_variables(client, key, "[1]")


# --- starting inside ------------------------------------------------------------------------------


def start_at(client: Client, process_id: str, *elements: str) -> Any:
    instructions = [pb.ProcessInstanceCreationStartInstruction(elementId=element) for element in elements]
    return client.create(process_id, startInstructions=instructions)


def test_an_instance_may_start_at_given_elements(client: Client, waiting: str) -> None:
    start_at(client, waiting, "e")
    created = start_at(client, waiting, "task", "task")

    jobs = client.jobs(waiting, 2)

    assert {job.processInstanceKey for job in jobs} == {created.processInstanceKey}


@pytest.mark.parametrize("element", ["s", "missing"])
def test_it_may_not_start_at_a_start_event_or_where_there_is_nothing(
    client: Client, waiting: str, element: str
) -> None:
    with refused(StatusCode.INVALID_ARGUMENT) as refusal:
        start_at(client, waiting, element)
    assert element in refusal.text
