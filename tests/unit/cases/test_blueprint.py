"""What is wrong with a case class is said when it is registered: all of it, naming the stage."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from procession.errors import InvalidInput
from procession.process import RetryPolicy
from procession.process.cases import BusinessCase, Context, catch, stage
from procession.process.cases.blueprint import LONGEST_NAMES, read

from .making import made, work

SECOND = timedelta(seconds=1)


class OpenAccount(BusinessCase, api="v2"):
    """OPEN AN ACCOUNT

    More about it.
    """

    retry = RetryPolicy(attempts=7)

    @stage(retry=RetryPolicy(attempts=2), timeout=SECOND)
    async def create(self, ctx: Context) -> None: ...

    @stage(first=True)
    def check(self, ctx: Context, reply: Any) -> None: ...

    @catch
    def undo(self, ctx: Context, error: Any) -> None: ...


def test_a_class_is_read() -> None:
    found = read(OpenAccount)
    assert (found.case_id, found.api, found.label) == ("open-account", "v2", "OPEN AN ACCOUNT")
    assert found.process_id == "open-account.v2"
    assert found.first == "check"
    assert [(one.name, one.is_async, one.catches) for one in found.stages] == [
        ("create", True, False),
        ("check", False, False),
        ("undo", False, True),
    ]
    assert [one.retry.attempts for one in found.stages] == [2, 7, 7]
    assert [one.timeout for one in found.stages] == [SECOND, timedelta(minutes=5), timedelta(minutes=5)]
    assert [one.arguments for one in found.stages] == [frozenset(), {"reply"}, {"error"}]


def test_the_first_stage_written_is_first_unless_one_says_so() -> None:
    assert read(made(other=work)).first == "work"


def test_stages_follow_each_other_as_written() -> None:
    found = read(OpenAccount)
    assert found.after("create") == "check"
    assert found.after("check") is None
    assert found.after("undo") is None


def test_a_subclass_may_override_a_stage_and_keeps_its_place_and_mark() -> None:
    class Special(OpenAccount):
        async def check(self, ctx: Context) -> None: ...  # type: ignore[override]

    found = read(Special)
    assert [one.name for one in found.stages] == ["create", "check", "undo"]
    assert found.first == "check"
    assert found.stages[1].is_async
    assert found.stages[1].arguments == frozenset()


def test_a_subclass_may_take_a_stage_away() -> None:
    class Special(OpenAccount):
        check = None  # type: ignore[assignment]

    assert [one.name for one in read(Special).stages] == ["create", "undo"]


@stage
def too_many(self: Any, ctx: Any, reply: Any, more: Any) -> None: ...


@stage
def no_context(self: Any, reply: Any) -> None: ...


@stage
def catches_too_little(self: Any, ctx: Any, error: Any) -> None: ...


@catch
def rescue(self: Any, ctx: Any, error: Any) -> None: ...


@pytest.mark.parametrize(
    ("attributes", "fault"),
    [
        ({"work": None}, "it has no stage: mark a method with @stage"),
        ({"work": None, "rescue": rescue}, "it has no stage: mark a method with @stage"),
        ({"case_id": "Not Kebab"}, "case id 'Not Kebab': use lower-case words joined by hyphens"),
        ({"api": "V 1"}, "api 'V 1': use lower-case letters, digits, dots and hyphens, such as 'v1'"),
        ({"api": 1}, "api 1: use lower-case letters, digits, dots and hyphens, such as 'v1'"),
        ({"HIDDEN": "password"}, "HIDDEN is 'password': make it a set of names"),
        ({"HIDDEN": {1}}, "HIDDEN is {1}: make it a set of names"),
        ({"HIDDEN": {"payload"}}, "HIDDEN names 'payload', which is no field: name the fields in it"),
        ({"HIDDEN": {"Work"}}, "HIDDEN names 'Work', which is no field: name the fields in it"),
        (
            {"reply_within": timedelta(0)},
            f"reply_within is {timedelta(0)!r}: make it a timedelta longer than 0",
        ),
        ({"timeout": 5}, "timeout is 5: make it a timedelta longer than 0"),
        ({"retry": 3}, "retry is 3: make it a RetryPolicy"),
        ({"retry": work}, "stage 'retry' has the name of a setting: call it otherwise"),
        ({"timeout": work}, "stage 'timeout' has the name of a setting: call it otherwise"),
        ({"reply": work}, "stage 'reply' has the name of something in every case: call it otherwise"),
        ({"создать": work}, "stage 'создать': use the letters A to Z, digits and underscores"),
        (
            {"s" * LONGEST_NAMES: work},
            f"stage {'s' * LONGEST_NAMES!r}: case id, api and stage together have over 120 characters",
        ),
        (
            {"too_many": too_many},
            "stage 'too_many' must take self, ctx and, if it wants it, reply; it takes "
            "['ctx', 'reply', 'more']",
        ),
        (
            {"no_context": no_context},
            "stage 'no_context' must take self, ctx and, if it wants it, reply; it takes ['reply']",
        ),
        (
            {"odd": catches_too_little},
            "stage 'odd' must take self, ctx and, if it wants it, reply; it takes ['ctx', 'error']",
        ),
        ({"rescue": rescue, "also": rescue}, "several methods catch: rescue, also"),
        ({"a": stage(first=True)(lambda self, ctx: None), "b": stage(first=True)(lambda self, ctx: None)},
         "several stages are first: a, b"),
        (
            {"a": stage(timeout=timedelta(0))(lambda self, ctx: None)},
            f"stage 'a': its timeout is {timedelta(0)!r}: make it a timedelta longer than 0",
        ),
        (
            {"a": stage(retry=3)(lambda self, ctx: None)},  # type: ignore[call-overload]
            "stage 'a': its retry is 3: make it a RetryPolicy",
        ),
    ],
)  # fmt: skip
def test_a_fault_is_named(attributes: dict[str, Any], fault: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read(made(**attributes))
    head, *faults = caught.value.message.split("\n")
    assert head == "business case Made cannot be registered:"
    assert faults == [fault]


def test_all_faults_are_named_at_once() -> None:
    with pytest.raises(InvalidInput) as caught:
        read(made(api="?", HIDDEN="x", result=work, no_context=no_context))
    assert len(caught.value.message.split("\n")) == 5


def test_what_is_no_case_class_is_refused() -> None:
    for wrong in (object, "open-account", OpenAccount()):
        with pytest.raises(InvalidInput, match="no subclass of BusinessCase"):
            read(wrong)  # type: ignore[arg-type]
