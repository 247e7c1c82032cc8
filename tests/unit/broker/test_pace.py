"""Batches hold as many commands as leave other processes their turn."""

from __future__ import annotations

import pytest

from procession.broker import pace
from procession.broker.pace import LEAST, MOST, Pace

TURN_SECONDS = 0.008


class Clocks:
    """What the clock on the wall and this thread's show; both move when a test says so."""

    def __init__(self) -> None:
        self.wall = self.thread = 0.0


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> Clocks:
    clocks = Clocks()
    monkeypatch.setattr(pace.time, "perf_counter", lambda: clocks.wall)
    monkeypatch.setattr(pace.time, "thread_time", lambda: clocks.thread)
    return clocks


def feed(
    paced: Pace,
    clocks: Clocks,
    *,
    commands: int,
    seconds: float,
    worked: float | None = None,
    times: int = 60,
) -> None:
    for _ in range(times):
        paced.begin()
        clocks.wall += seconds
        clocks.thread += seconds if worked is None else worked
        paced.end(commands)


def test_the_batch_settles_at_what_fits_a_turn(clocks: Clocks) -> None:
    paced = Pace(TURN_SECONDS)
    feed(paced, clocks, commands=50, seconds=50 * TURN_SECONDS / 100)
    assert paced.limit == pytest.approx(100, abs=2)


def test_slow_commands_make_small_batches_and_quick_ones_large_within_bounds(clocks: Clocks) -> None:
    paced = Pace(TURN_SECONDS)
    feed(paced, clocks, commands=20, seconds=20.0)
    assert paced.limit == LEAST
    feed(paced, clocks, commands=200, seconds=1e-6)
    assert paced.limit == MOST


def test_a_batch_of_a_few_says_nothing_about_the_price_of_a_command(clocks: Clocks) -> None:
    paced = Pace(TURN_SECONDS)
    before = paced.limit
    feed(paced, clocks, commands=LEAST - 1, seconds=1.0)
    assert paced.limit == before


@pytest.mark.parametrize(("works_here", "limit"), [(True, 50), (False, 20)])
def test_what_a_busy_machine_takes_counts_up_to_a_point_where_the_work_is_done_here(
    clocks: Clocks, works_here: bool, limit: int
) -> None:
    # Given batches that fit a turn by the time they work, and take five times as long
    paced = Pace(TURN_SECONDS, works_here=works_here)
    feed(paced, clocks, commands=100, seconds=5 * TURN_SECONDS, worked=TURN_SECONDS)
    # Then they are halved, or become what fits by the clock
    assert paced.limit == pytest.approx(limit, abs=1)
