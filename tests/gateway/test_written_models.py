"""A model with every element, written as BPMN, is deployed and runs: here, and on a real Zeebe."""

from __future__ import annotations

import pytest

from procession.bpmn import write
from tests.everything import ITEMS, JOBS, everything
from tests.gateway.clients import Client, unique

USER_TASK = "io.camunda.zeebe:userTask"


@pytest.fixture
def written(client: Client) -> str:
    """The id of the process with everything, deployed."""
    id = unique("everything")
    deployed = client.deploy(write(everything(id)))
    assert [one.process.bpmnProcessId for one in deployed.deployments] == [id, f"{id}-called"]
    return id


def test_an_instance_runs_through_a_written_model(client: Client, written: str) -> None:
    # Given
    variables = {"key": written, "amount": 15, "items": list(ITEMS)}
    instance = client.create(written, variables).processInstanceKey

    # When
    client.publish(f"{written}-paid", written, {"by": "Ada"})
    done = []
    for name in JOBS:
        job = client.job(f"{written}-{name}")
        done.append((job.elementId, job.retries, job.processInstanceKey == instance))
        client.complete(job)
        if name == "rated":
            client.complete(client.job(USER_TASK))

    # Then
    assert done == [
        ("reserve", 5, True),
        ("scripted", 2, True),
        ("sent", 3, True),
        ("rated", 3, True),
        ("pack", 3, True),
        ("pack", 3, True),
        ("pack", 3, True),
        ("calledJob", 3, False),
        ("thrown", 3, True),
        ("ended", 3, True),
    ]
