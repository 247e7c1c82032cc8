"""@camunda8/sdk 8.8 in gRPC mode and zeebe-node 8.3: the same scripts with both."""

from __future__ import annotations

import pytest
from grpc import StatusCode

from tests.clients.models import Models
from tests.clients.scripts import Scripts

ALREADY_EXISTS, FAILED_PRECONDITION, INVALID_ARGUMENT, NOT_FOUND, UNIMPLEMENTED = (
    code.value[0]
    for code in (
        StatusCode.ALREADY_EXISTS,
        StatusCode.FAILED_PRECONDITION,
        StatusCode.INVALID_ARGUMENT,
        StatusCode.NOT_FOUND,
        StatusCode.UNIMPLEMENTED,
    )
)


def test_topology(scripts: Scripts) -> None:
    # When
    topology = scripts("topology")

    # Then
    (broker,) = topology["brokers"]
    assert broker["partitions"] == [{"partitionId": 1, "role": "LEADER", "health": "HEALTHY"}]
    assert topology["gatewayVersion"]


def test_deploying(scripts: Scripts, models: Models) -> None:
    # When
    answer = scripts("deploy", models.straight(), models.broken())

    # Then
    (deployment,) = answer["first"]["deployments"]
    assert deployment["process"]["bpmnProcessId"] == models.id("straight")
    assert deployment["process"]["version"] == 1
    assert answer["again"]["deployments"] == answer["first"]["deployments"]
    assert answer["broken"] == INVALID_ARGUMENT


def test_starting_and_awaiting_the_result(scripts: Scripts, models: Models) -> None:
    # When
    answer = scripts("start", models.straight())

    # Then
    assert answer["started"]["bpmnProcessId"] == models.id("straight")
    assert answer["ended"]["variables"] == {"text": "ü", "number": 1.5, "list": [1, None, {"deep": True}]}
    assert answer["ended"]["processInstanceKey"] != answer["started"]["processInstanceKey"]
    assert answer["part"]["variables"] == {"number": 1.5}
    assert answer["nobody"] == NOT_FOUND


def test_a_polling_worker(scripts: Scripts, models: Models) -> None:
    # When
    answer = scripts("worker", models.work())

    # Then
    assert answer["results"] == [{"number": number, "doubled": 2 * number} for number in (1, 2, 3)]
    seen = sorted(answer["seen"], key=lambda job: job["variables"]["number"])
    for number, job in enumerate(seen, start=1):
        assert job == {"variables": {"number": number}, "headers": {"colour": "red"}, "retries": 3}


@pytest.mark.parametrize("scripts", ["sdk"], indirect=True)
def test_a_streaming_worker(scripts: Scripts, models: Models) -> None:
    # When
    results = scripts("stream", models.work())

    # Then
    assert results == [{"number": number, "doubled": 2 * number} for number in (1, 2, 3)]


def test_a_worker_that_fails_with_backoff(scripts: Scripts, models: Models) -> None:
    # When
    answer = scripts("fail", models.work())

    # Then
    assert answer == {"retries": [3, 2, 1], "result": {"done": True}}


def test_a_worker_that_throws_an_error(scripts: Scripts, models: Models) -> None:
    # When
    result = scripts("error", models.work())

    # Then
    assert result == {"mended": "mend"}


def test_messages(scripts: Scripts, models: Models) -> None:
    # When
    answer = scripts("message", models.letter(), models.called())

    # Then
    assert int(answer["key"]) > 0
    assert answer["again"] == ALREADY_EXISTS
    assert answer["result"] == {"key": "k", "text": "hello"}
    assert answer["job"] == {"started": True}


def test_a_signal(scripts: Scripts, models: Models) -> None:
    # When
    answer = scripts("signal", models.alarm())

    # Then
    assert int(answer["key"]) > 0
    assert answer["gone"] == NOT_FOUND


def test_an_incident(scripts: Scripts, models: Models) -> None:
    # When
    answer = scripts("incident", models.work())

    # Then
    assert answer["refused"] == FAILED_PRECONDITION
    assert answer["outcomes"].count("resolved") == 1
    assert set(answer["outcomes"]) <= {"resolved", NOT_FOUND}
    assert (answer["same"], answer["retries"]) == (True, 2)


def test_cancelling(scripts: Scripts, models: Models) -> None:
    # When
    answer = scripts("cancel", models.work())

    # Then
    assert answer == {"again": NOT_FOUND, "job": NOT_FOUND}


@pytest.mark.parametrize("scripts", ["sdk"], indirect=True)
def test_migrating(scripts: Scripts, models: Models) -> None:
    # When an instance is migrated while a worker holds its job
    answer = scripts("migrate", models.work(), models.newer())

    # Then it goes on as the new process
    assert answer == {"unmapped": FAILED_PRECONDITION, "next": [models.id("newer"), "last"]}


def test_setting_variables(scripts: Scripts, models: Models) -> None:
    # When
    variables = scripts("variables", models.work())

    # Then
    assert variables == {"a": 1, "b": 2}


def test_what_cannot_be_done_is_an_error(scripts: Scripts, models: Models) -> None:
    # When
    answer = scripts("missing", models.work())

    # Then: not here yet; a server that has these calls knows neither the decision nor the element
    assert set(answer.values()) <= {UNIMPLEMENTED, INVALID_ARGUMENT}
