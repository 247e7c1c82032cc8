"""Messages as values."""

from __future__ import annotations

import pytest

from procession.errors import InvalidInput, PayloadTooLarge
from procession.messaging import Message


def test_every_message_has_an_id_of_its_own() -> None:
    assert Message(body=b"").id != Message(body=b"").id


def test_the_body_is_read_as_json_of_a_type() -> None:
    assert Message.with_json({"a": 1}).json(dict[str, int]) == {"a": 1}


@pytest.mark.parametrize("body", [b"no json", b'{"a": "text"}'])
def test_a_body_that_is_something_else_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidInput, match="m-1"):
        Message(body=body, id="m-1").json(dict[str, int])


def test_an_answer_carries_the_correlation_of_the_question() -> None:
    assert Message.with_json(1, correlation="task-1").answer(2).correlation == "task-1"


def test_an_answer_to_a_question_without_one_carries_its_id() -> None:
    assert Message.with_json(1, id="m-1").answer(2).correlation == "m-1"


@pytest.mark.parametrize(
    "fields",
    [
        {"id": ""},
        {"id": "ż" * 128},
        {"correlation": "x" * 256},
        {"reply_to": "a\0b"},
        {"headers": {"x-death": "1"}},
        {"headers": {"number": 1}},
    ],
)
def test_what_a_broker_would_not_carry_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(InvalidInput):
        Message(body=b"", **fields)  # type: ignore[arg-type] - that is what is tested


@pytest.mark.parametrize("fields", [{"body": bytes(8 * 1024 * 1024 + 1)}, {"headers": {"a": "b" * 40_000}}])
def test_what_is_too_large_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(PayloadTooLarge):
        Message(**{"body": b"", **fields})  # type: ignore[arg-type] - several kinds of fields
