"""`procession dead-letters` on every transport."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

import pytest
from typer.testing import CliRunner, Result

from procession.cli.exits import exit_code
from procession.cli.program import app
from procession.messaging import Message, connect

from .test_dead_letters import bury

Run = Callable[..., Result]


@pytest.fixture
def run(transport_url: str) -> Run:
    """Run a command on a transport."""

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, ["dead-letters", *arguments, "--broker", transport_url])

    async def empty() -> None:
        async with connect(transport_url) as transport:
            await transport.drop_dead()

    asyncio.run(empty())
    return run


@pytest.fixture
def buried(run: Run, transport_url: str, queue: str) -> list[Message]:
    """Two dead letters."""
    messages = [Message.with_json(number, id=f"{queue}-{number}") for number in range(2)]

    async def make() -> None:
        async with connect(transport_url) as transport:
            await bury(transport, queue, *messages)

    asyncio.run(make())
    return messages


def listed(run: Run) -> list[dict[str, object]]:
    return json.loads(run("list", "--format", "json").output)


def test_they_are_listed_with_their_reasons(run: Run, buried: list[Message], queue: str) -> None:
    # When
    answer = run("list")
    rows = listed(run)

    # Then
    assert "number 0" in answer.output
    assert [(row["message_id"], row["queue"], row["body"]) for row in rows] == [
        (message.id, queue, message.body.decode()) for message in buried
    ]


def test_the_queues_are_in_the_database_of_the_app_where_no_broker_is_named(
    buried: list[Message], transport_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given
    monkeypatch.setenv("PROCESSION_DB", transport_url)
    monkeypatch.delenv("PROCESSION_BROKER", raising=False)

    # When
    rows = json.loads(CliRunner().invoke(app, ["dead-letters", "list", "--format", "json"]).output)

    # Then
    assert [row["message_id"] for row in rows] == [message.id for message in buried]


def test_one_is_retried(run: Run, buried: list[Message]) -> None:
    assert "Retried: 1" in run("retry", buried[0].id).output
    assert [row["message_id"] for row in listed(run)] == [buried[1].id]


def test_all_of_a_queue_are_retried(run: Run, buried: list[Message], queue: str) -> None:
    assert json.loads(run("retry", "--queue", queue, "--format", "json").output) == {"retried": 2}
    assert listed(run) == []


def test_one_is_dropped(run: Run, buried: list[Message]) -> None:
    assert "Dropped: 1" in run("drop", buried[0].id).output
    assert [row["message_id"] for row in listed(run)] == [buried[1].id]


def test_an_id_that_is_not_there_is_exit_code_3(run: Run) -> None:
    answer = run("retry", "unknown")
    assert answer.exception is not None
    assert exit_code(answer.exception) == 3


@pytest.mark.parametrize("arguments", [["retry"], ["drop"], ["drop", "--all", "--queue", "q"]])
def test_nothing_or_too_much_chosen_is_exit_code_2(run: Run, arguments: list[str]) -> None:
    assert run(*arguments).exit_code == 2


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("ftp://host/", 2),
        ("sqlite://", 2),
        ("amqp://guest:guest@127.0.0.1:1/", 4),
        ("sqlite:////no/such/q.db", 4),
    ],
)
def test_a_broker_that_cannot_be_used_is_told_by_the_exit_code(url: str, code: int) -> None:
    answer = CliRunner().invoke(app, ["dead-letters", "list", "--broker", url])
    assert answer.exception is not None
    assert exit_code(answer.exception) == code
