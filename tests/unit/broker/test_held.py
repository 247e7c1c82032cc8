"""Work that needs what another node holds: grouped by its locks, tried in turn, and not too often."""

from __future__ import annotations

import pytest

from procession.broker import held
from procession.broker.batch import Entry
from procession.broker.held import SHARE, Held
from procession.engine import commands as c

A, B = frozenset({-1}), frozenset({-2})


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(held, "time", made)
    return made


def entry(row_key: int | None = None) -> Entry:
    return Entry(c.PublishMessage("m", "k"), row_key=row_key)


def test_what_needs_the_same_locks_is_one_group_and_groups_take_turns(clock: Clock) -> None:
    kept, (one, two, three) = Held(), (entry(), entry(), entry())
    kept.put(A, [one])
    kept.put(B, [two])
    kept.put(A, [three])

    assert kept.take() == (A, [one, three])
    kept.put(A, [one, three])
    assert kept.take() == (B, [two])
    assert one in kept
    assert two not in kept


def test_it_knows_which_durable_commands_and_timers_it_has(clock: Clock) -> None:
    kept = Held()
    kept.put(A, [entry(row_key=7), Entry(c.TriggerTimer(8)), Entry(c.TriggerTimer(9), row_key=10), entry()])
    assert (kept.rows, kept.timers) == ({7, 10}, {8})

    kept.take()
    assert (kept.rows, kept.timers) == (set(), set())
    assert not kept


def test_attempts_take_a_small_part_of_the_time(clock: Clock) -> None:
    kept = Held()
    assert not kept.due()
    kept.put(A, [entry()])
    assert kept.due()

    group = kept.take()
    assert kept.trying
    clock.now += 0.5
    kept.put(*group)
    kept.tried()

    assert not kept.trying
    assert not kept.due()
    assert kept.patience() == pytest.approx(0.5 * SHARE)
    clock.now += 0.5 * SHARE
    assert kept.due()


def test_what_is_given_up_is_gone(clock: Clock) -> None:
    kept, one = Held(), entry(row_key=1)
    kept.put(A, [one])

    assert kept.leave() == [one]
    assert not kept
    assert kept.rows == set()
