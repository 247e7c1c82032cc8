"""Task ids: the same for the same command, small enough for any broker, made by nobody else."""

from __future__ import annotations

from urllib.parse import quote

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from procession.errors import InvalidInput, TaskIdRefused
from procession.messaging.message import MAX_NAME
from procession.process.cases import Keyring, TaskId, new_key
from procession.process.cases.blueprint import LONGEST_NAMES
from procession.process.cases.hiding import Hiding
from procession.process.cases.task_id import _PURPOSE

RING = Keyring([new_key("test")])
names = st.text("abcdefghijklmnopqrstuvwxyz-_.0123456789", min_size=1, max_size=30)
task_ids = st.builds(
    TaskId,
    case_key=st.integers(0, 2**63 - 1),
    case_id=names,
    api=names,
    stage=names,
    ordinal=st.integers(1, 2**40),
)


@given(task=task_ids)
def test_a_task_id_says_whose_command_it_is(task: TaskId) -> None:
    text = task.sealed(RING)
    assert TaskId.opened(text, RING) == task
    assert task.sealed(RING) == text
    assert quote(text, safe="") == text


@given(task=task_ids, other=task_ids)
def test_different_commands_have_different_ids(task: TaskId, other: TaskId) -> None:
    assert (task.sealed(RING) == other.sealed(RING)) is (task == other)


def test_the_longest_fits_into_a_messages_id() -> None:
    third = LONGEST_NAMES // 3
    task = TaskId(
        case_key=2**63 - 1, case_id="c" * third, api="a" * third, stage="s" * third, ordinal=2**63 - 1
    )
    assert len(task.sealed(Keyring([new_key("n" * 16)]))) <= MAX_NAME


@given(task=task_ids, data=st.data())
def test_an_altered_one_is_refused(task: TaskId, data: st.DataObject) -> None:
    text = task.sealed(RING)
    place = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.characters().filter(lambda one: one != text[place]))
    with pytest.raises(TaskIdRefused):
        TaskId.opened(text[:place] + other + text[place + 1 :], RING)


def test_that_of_another_installation_is_refused() -> None:
    task = TaskId(case_key=1, case_id="c", api="v1", stage="s", ordinal=1)
    with pytest.raises(TaskIdRefused, match="not made with a key of this installation"):
        TaskId.opened(task.sealed(Keyring([new_key("test")])), RING)


def test_a_sealed_field_is_no_task_id() -> None:
    sealed = Hiding(frozenset({"x"}), RING).hidden({"x": [1, "c", "v1", "s", 1]})["x"]
    with pytest.raises(TaskIdRefused):
        TaskId.opened(sealed.removeprefix("***"), RING)


@pytest.mark.parametrize("content", [[1, "c"], [1, "c", "v1", "s", "one"], "text", {}])
def test_one_of_another_form_is_refused(content: object) -> None:
    with pytest.raises(TaskIdRefused, match="another version"):
        TaskId.opened(RING.seal(msgspec.msgpack.encode(content), _PURPOSE), RING)


def test_the_error_is_one_of_input() -> None:
    assert issubclass(TaskIdRefused, InvalidInput)
