"""Who waits for which jobs, and when it is worth looking for some."""

from __future__ import annotations

from typing import Any

import pytest

from procession.broker import jobs as board_module
from procession.broker.jobs import JobBoard, JobStream
from procession.engine import Unit

NOW = 1000


class Looks:
    """Stands for a transaction on a database without jobs; notes what it was asked for."""

    class clock:  # noqa: N801 - stands for an attribute
        now = NOW

    def __init__(self, next_due: int | None = None) -> None:
        self.types: list[str] = []
        self.limits: list[int] = []
        self._next_due = next_due

    def activatable(self, unit: Unit, type_: str, limit: int) -> list[Any]:
        self.types.append(type_)
        self.limits.append(limit)
        return []

    def next_job_due(self, type_: str) -> int | None:
        return self._next_due


def stream(type_: str = "a", credits: int = 1) -> JobStream:
    return JobStream(type_, "worker", 60_000, None, lambda jobs: None, credits=credits)


def look(board: JobBoard, transaction: Looks) -> Looks:
    board.assign(Unit(), transaction)  # type: ignore[arg-type]
    return transaction


def test_a_type_that_is_waited_for_the_first_time_is_looked_for() -> None:
    board = JobBoard()
    board.open(stream("a"))
    assert board.wanted(NOW)
    assert look(board, Looks()).types == ["a"]
    assert not board.wanted(NOW)


def test_who_comes_back_to_poll_for_what_is_not_there_causes_no_other_look() -> None:
    # Given a poll that found nothing and left
    board = JobBoard()
    poll = stream("a")
    board.open(poll)
    look(board, Looks())
    board.close(poll)
    # When it comes back
    board.open(stream("a"))
    # Then nobody looks again
    assert not board.wanted(NOW)


def test_what_happens_while_nobody_waits_is_not_forgotten() -> None:
    board = JobBoard()
    poll = stream("a")
    board.open(poll)
    look(board, Looks())
    board.close(poll)
    # When others tell of jobs meanwhile
    board.expect(["a"])
    assert not board.wanted(NOW)
    # Then who comes back gets them
    board.open(stream("a"))
    assert board.wanted(NOW)


def test_a_lease_that_ends_while_nobody_waits_is_looked_for_when_somebody_does() -> None:
    board = JobBoard()
    poll = stream("a")
    board.open(poll)
    look(board, Looks(next_due=NOW + 5))
    board.close(poll)
    assert board.next_due() is None
    board.open(stream("a"))
    assert board.next_due() == NOW + 5
    assert not board.wanted(NOW + 4)
    assert board.wanted(NOW + 5)


def test_who_is_full_is_not_looked_for() -> None:
    board = JobBoard()
    board.open(stream("a", credits=0))
    assert not board.wanted(NOW)


def test_one_look_takes_no_more_than_a_transaction_should() -> None:
    board = JobBoard()
    for _ in range(3):
        board.open(stream("a", credits=900))
    assert look(board, Looks()).limits == [board_module.MOST_AT_ONCE]


def test_types_nobody_waits_for_are_forgotten_when_there_are_too_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Given room for two, beside one that is waited for all the time
    monkeypatch.setattr(board_module, "MOST_TYPES", 2)
    board = JobBoard()
    board.open(stream("always"))
    look(board, Looks())
    for type_ in ("a", "b", "c"):
        poll = stream(type_)
        board.open(poll)
        look(board, Looks())
        board.close(poll)
    # Then the oldest one has to be looked for again, the others not
    board.open(stream("c"))
    assert not board.wanted(NOW)
    board.open(stream("a"))
    assert board.wanted(NOW)
