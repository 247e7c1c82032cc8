"""The engine on random processes: what always holds, and what makes no difference."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from unittest import mock

from hypothesis import event, given, settings
from hypothesis import strategies as st
from msgspec import Struct, structs

from procession.broker.batch import Entry
from procession.engine import commands as c
from procession.engine import lifecycle
from procession.engine.elements import multi_instance

from . import blocks as b
from .actions import Migrate
from .finishing import finish
from .invariants import check
from .rows import Rows, differences, dump
from .strategies import Step, beginnings, processes, schedules
from .world import Executor, World, world

NewFolder = Callable[[], Path]
Starts = tuple[tuple[int, ...], tuple[int, ...]]


class Bounds(Struct, frozen=True):
    """How much fits one transaction."""

    transitions: int
    steps_per_row: int
    chunk: int

    @contextmanager
    def applied(self) -> Iterator[None]:
        with (
            mock.patch.object(lifecycle, "TRANSITIONS_PER_COMMAND", self.transitions),
            mock.patch.object(lifecycle, "STEPS_PER_ROW", self.steps_per_row),
            mock.patch.object(multi_instance, "CHUNK", self.chunk),
        ):
            yield


tight_bounds = st.builds(Bounds, st.integers(1, 6), st.integers(1, 3), st.integers(1, 3))
_starts = st.tuples(beginnings, beginnings)
_half = settings(max_examples=max(settings().max_examples // 2, 1))
_few = settings(max_examples=max(settings().max_examples // 4, 1))


@given(block=processes(), schedule=schedules(2), starts=_starts)
def test_every_transaction_leaves_a_consistent_state_and_every_instance_can_be_ended(
    block: b.Block, schedule: list[Step], starts: Starts, empty_database: Path, new_folder: NewFolder
) -> None:
    with world(empty_database, new_folder(), block, instances=2, beginnings=starts, after=check) as running:
        running.follow(schedule)
        finish(running)


@_half
@given(block=processes(), schedule=schedules(2), starts=_starts, bounds=tight_bounds)
def test_that_holds_when_every_command_is_cut_into_many_transactions(
    block: b.Block,
    schedule: list[Step],
    starts: Starts,
    bounds: Bounds,
    empty_database: Path,
    new_folder: NewFolder,
) -> None:
    with (
        bounds.applied(),
        world(empty_database, new_folder(), block, instances=2, beginnings=starts, after=check) as running,
    ):
        running.follow(schedule)
        finish(running)


@given(block=processes(), schedule=schedules(2), starts=_starts)
def test_that_holds_when_all_that_is_due_goes_into_one_transaction(
    block: b.Block, schedule: list[Step], starts: Starts, empty_database: Path, new_folder: NewFolder
) -> None:
    with world(
        empty_database, new_folder(), block, instances=2, beginnings=starts, greedy=True, after=check
    ) as running:
        running.follow(schedule)
        finish(running)


@_few
@given(block=processes(), schedule=schedules(2), bounds=st.none() | tight_bounds)
def test_a_restart_before_every_transaction_makes_no_difference(
    block: b.Block,
    schedule: list[Step],
    bounds: Bounds | None,
    empty_database: Path,
    new_folder: NewFolder,
) -> None:
    with (bounds or Bounds(1000, 500, 200)).applied():
        at_once = _end_state(empty_database, new_folder(), block, schedule, together=True)
        restarted = _end_state(empty_database, new_folder(), block, schedule, together=False, forgets=True)

    assert differences(restarted, at_once) == []


@_half
@given(block=processes(), schedule=schedules(3))
def test_sharing_transactions_with_other_instances_makes_no_difference(
    block: b.Block, schedule: list[Step], empty_database: Path, new_folder: NewFolder
) -> None:
    together = _end_state(empty_database, new_folder(), block, schedule, instances=3, together=True)
    apart = _end_state(empty_database, new_folder(), block, schedule, instances=3, together=False)

    assert differences(apart, together) == []


@_half
@given(block=processes(), schedule=schedules(2))
def test_moving_to_a_version_that_is_the_same_makes_no_difference(
    block: b.Block, schedule: list[Step], empty_database: Path, new_folder: NewFolder
) -> None:
    plain = [step for step in schedule if not any(isinstance(one, Migrate) for one in step.actions)]
    with world(empty_database, new_folder(), block, instances=2, after=check) as moved:
        event("moved" if moved.follow(plain, moving=True) else "nothing to move")
        ends = moved.end_state()
    with world(empty_database, new_folder(), block, instances=2) as unmoved:
        unmoved.follow(plain)
        expected = unmoved.end_state()

    assert differences(_any_version(ends), _any_version(expected)) == []


def _any_version(states: list[Rows]) -> list[Rows]:
    return [
        structs.replace(one, instances=[structs.replace(instance, version=0) for instance in one.instances])
        for one in states
    ]


def _end_state(
    empty: Path,
    folder: Path,
    block: b.Block,
    schedule: list[Step],
    *,
    together: bool,
    forgets: bool = False,
    instances: int = 2,
) -> list[Rows]:
    with world(empty, folder, block, instances=instances, together=together, forgets=forgets) as running:
        running.follow(schedule)
        return running.end_state()


@_half
@given(block=processes(), schedule=schedules(2), last=st.integers(0, 5))
def test_the_same_batch_on_the_same_rows_writes_the_same_rows(
    block: b.Block, schedule: list[Step], last: int, empty_database: Path, new_folder: NewFolder
) -> None:
    folder = new_folder()
    with world(empty_database, folder, block, instances=2) as running:
        running.follow(schedule)
        commands = _some_commands(running, last)

        first, second = (_run_on_copy(running.database, folder / name, commands) for name in ("a", "b"))

    assert first == second


def _some_commands(running: World, which: int) -> list[c.Command]:
    rows = running.rows()
    commands: list[c.Command] = [c.CompleteJob(job.key) for job in rows.jobs if job.ended_at is None]
    commands += [c.TriggerTimer(timer.key) for timer in rows.timers]
    commands += [c.PublishMessage(one.name, one.correlation_key) for one in rows.subscriptions]
    commands += [c.BroadcastSignal(one.name) for one in rows.signals]
    commands += [c.CancelInstance(key) for key in running.roots[which:]]
    return commands


def _run_on_copy(database: Path, copy: Path, commands: list[c.Command]) -> object:
    with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    executor = Executor(copy)
    try:
        executor.advance(5_000)
        executor.run([Entry(command) for command in commands])
        return dump(copy)
    finally:
        executor.close()
