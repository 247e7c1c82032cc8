"""Our own server on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.building import bpmn, catch, end, job, message, on_message, start
from tests.gateway.clients import Client, channels
from tests.gateway.servers import serving

ORDER = bpmn(
    start() + catch("wait", on_message("paid")) + job("ship") + end(),
    "s>wait wait>ship ship>e",
    id="order",
    definitions=message("paid", "=order"),
)


@pytest.fixture
def clients(postgresql_url: str) -> Iterator[list[Client]]:
    """A client of each of two servers on one database."""
    with serving(postgresql_url) as one, serving(postgresql_url) as two:
        for first in channels(one.address):
            for second in channels(two.address):
                yield [first, second]


def test_what_one_server_takes_the_other_carries_on(clients: list[Client]) -> None:
    first, second = clients
    first.deploy(ORDER)
    created = second.create("order", {"order": "A-1"})

    first.publish("paid", "A-1", {"amount": 1.0})

    found = second.job("ship")
    assert found.processInstanceKey == created.processInstanceKey
    first.complete(found)


def test_a_poll_at_one_server_wakes_for_a_job_from_the_other(clients: list[Client]) -> None:
    first, second = clients
    first.deploy(bpmn(start() + job("work") + end(), "s>work work>e", id="simple"))
    stream: Any = second.stream("work")

    for _ in range(10):
        first.create("simple")

    assert len({next(stream).key for _ in range(10)}) == 10
    stream.cancel()
