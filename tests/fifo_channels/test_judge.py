"""The judge sees what is wrong: a sound record is damaged in one place at a time."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from .bookings import LEASE, Transfer
from .judge import Judge
from .record import Record, Run, Span, Start

MS = 1_000_000
LONG = round(LEASE.total_seconds() * 1000)
PIDS = 10, 20


def sound() -> Record:
    """Three processes of two steps; the first step of the second one is tried twice."""
    record = Record()
    for n in range(3):
        record.starts[n] = Start(n=n, called=n * MS, answered=n * MS + MS // 2, key=100 + n)
        at = 1000 * n + 100
        add(record, n, "open", 10 * n, 1, at, at + 10, "done" if n != 1 else "retry")
        if n == 1:
            add(record, n, "open", 10 * n, 2, at + 50, at + 60, "done")
        add(record, n, "settle", 10 * n + 1, 1, at + 100, at + 110, "done")
    return record


def add(
    record: Record, n: int, step: str, job: int, lease: int, begin: int, end: int | None, outcome: str | None
) -> Run:
    """A run; times in milliseconds."""
    run = Run(
        n=n,
        step=step,
        job=job,
        lease=lease,
        pid=PIDS[0],
        begin=begin * MS,
        end=None if end is None else end * MS,
        outcome=outcome,
    )
    record.runs[n].append(run)
    record.runs[n].sort(key=lambda one: one.begin)
    return run


def complaints(record: Record) -> list[str]:
    return Judge(record, dict.fromkeys(range(3), Transfer)).complaints()


def test_what_is_sound_is_not_complained_about() -> None:
    assert complaints(sound()) == []


def begin_before_the_one_ahead_is_over(record: Record) -> None:
    record.runs[2][0].begin = record.runs[1][-1].end or 0
    record.runs[2][0].begin -= 1


def run_in_the_turn_of_another(record: Record) -> None:
    record.runs[0][-1].begin, record.runs[0][-1].end = 1105 * MS, 1106 * MS


def change_places(record: Record) -> None:
    for mine, other in zip(record.runs[0], record.runs[2], strict=True):
        mine.begin, other.begin = other.begin, mine.begin
        mine.end, other.end = other.end, mine.end


def lose_the_last_step(record: Record) -> None:
    del record.runs[1][-1]


def lose_a_process(record: Record) -> None:
    del record.runs[1]


def never_start(record: Record) -> None:
    record.starts[2].answered = None


def do_a_step_twice(record: Record) -> None:
    add(record, 0, "settle", 1, 2, 300, 310, "done")


def go_on_after_a_failure(record: Record) -> None:
    record.runs[0][0].outcome = "retry"


def skip_a_step(record: Record) -> None:
    del record.runs[0][0]


def never_end_a_run(record: Record) -> None:
    record.runs[0][0].end = record.runs[0][0].outcome = None


def run_after_it_was_abandoned(record: Record) -> None:
    record.abandoning[101], record.abandoned[101] = 900 * MS, 950 * MS


def run_the_same_step_twice_at_once(record: Record) -> None:
    add(record, 1, "open", 10, 3, 1155, 1190, "done")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (begin_before_the_one_ahead_is_over, "two at once"),
        (run_in_the_turn_of_another, "two at once"),
        (change_places, "out of order"),
        (lose_the_last_step, "did not come to its end"),
        (lose_a_process, "did not come to its end"),
        (never_start, "never started"),
        (do_a_step_twice, "allowed: []"),
        (go_on_after_a_failure, "came after"),
        (skip_a_step, "allowed: ['open']"),
        (never_end_a_run, "two at once"),
        (run_after_it_was_abandoned, "abandoned"),
        (run_the_same_step_twice_at_once, "twice at once"),
    ],
)
def test_what_is_wrong_is_complained_about(damage: Callable[[Record], None], words: str) -> None:
    record = sound()
    damage(record)
    assert any(words in complaint for complaint in complaints(record)), complaints(record)


# --- the one exception: a handler that outlives its lease -----------------------------------------


def outlived() -> Record:
    """Process 0's last run goes on in a stopped node while another node repeats it, and others have their
    turns."""
    record = sound()
    late = record.runs[0][-1]
    late.end, late.pid = 8000 * MS, PIDS[1]
    add(record, 0, "settle", 1, 2, 210 + LONG, 220 + LONG, "done")
    for n in (1, 2):
        for run in record.runs[n]:
            run.begin, run.end = run.begin + LONG * MS, (run.end or 0) + LONG * MS
    record.stops[PIDS[1]].append(Span(since=205 * MS, until=(LONG + 1500) * MS))
    return record


def test_a_stopped_nodes_handler_may_outlive_its_lease() -> None:
    judge = Judge(outlived(), dict.fromkeys(range(3), Transfer))
    assert judge.complaints() == []
    assert [(run.n, run.lease) for run in judge.stale] == [(0, 1)]


def never_stop_it(record: Record) -> None:
    record.stops.clear()


def stop_another_node(record: Record) -> None:
    record.stops[99] = record.stops.pop(PIDS[1])


def wake_it_before_its_lease_can_have_ended(record: Record) -> None:
    record.stops[PIDS[1]] = [Span(since=205 * MS, until=(205 + LONG // 2) * MS)]


def stop_it_before_it_had_the_lease(record: Record) -> None:
    record.starts[0].called = record.runs[0][0].begin - 1
    record.stops[PIDS[1]] = [Span(since=-LONG * MS, until=0)]


def never_lease_it_again(record: Record) -> None:
    record.runs[0].pop()


def give_the_next_turn_before_it_is_leased_again(record: Record) -> None:
    for run in record.runs[1]:
        run.begin, run.end = run.begin - 950 * MS, (run.end or 0) - 950 * MS


@pytest.mark.parametrize(
    "damage",
    [
        never_stop_it,
        stop_another_node,
        wake_it_before_its_lease_can_have_ended,
        stop_it_before_it_had_the_lease,
        never_lease_it_again,
        give_the_next_turn_before_it_is_leased_again,
    ],
)
def test_that_excuses_nothing_else(damage: Callable[[Record], None]) -> None:
    record = outlived()
    damage(record)
    assert any("at once" in complaint for complaint in complaints(record)), complaints(record)
