"""Batches hold as many commands as leave other processes their turn."""

from __future__ import annotations

import pytest

from procession.broker import pace
from procession.broker.pace import LEAST, MOST, Pace

TURN_SECONDS = 0.008


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr(pace.time, "perf_counter", lambda: now[0])
    return now


def feed(paced: Pace, clock: list[float], *, commands: int, seconds: float, times: int = 60) -> None:
    for _ in range(times):
        paced.begin()
        clock[0] += seconds
        paced.end(commands)


def test_the_batch_settles_at_what_fits_a_turn(clock: list[float]) -> None:
    paced = Pace(TURN_SECONDS)
    feed(paced, clock, commands=50, seconds=50 * TURN_SECONDS / 100)
    assert paced.limit == pytest.approx(100, abs=2)


def test_slow_commands_make_small_batches_and_quick_ones_large_within_bounds(clock: list[float]) -> None:
    paced = Pace(TURN_SECONDS)
    feed(paced, clock, commands=20, seconds=20.0)
    assert paced.limit == LEAST
    feed(paced, clock, commands=200, seconds=1e-6)
    assert paced.limit == MOST


def test_a_batch_of_a_few_says_nothing_about_the_price_of_a_command(clock: list[float]) -> None:
    paced = Pace(TURN_SECONDS)
    before = paced.limit
    feed(paced, clock, commands=LEAST - 1, seconds=1.0)
    assert paced.limit == before
