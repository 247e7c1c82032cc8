"""Runs that end, single processes run by hand, and the window in which no step begins."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import ClassVar
from zoneinfo import ZoneInfo

import pytest

from procession import InvalidInput, NotFound
from procession.process import (
    CoolDown,
    Process,
    ProcessError,
    ProcessManager,
    ProcessResult,
    RetryPolicy,
    Status,
)
from procession.testing.clock import Clock
from tests.acceptance.processes.scene import ORDER, comes_to, running, until

WARSAW = ZoneInfo("Europe/Warsaw")


@pytest.mark.parametrize(
    ("moment", "covered"),
    [
        ("2026-11-28T22:49:59.999+00:00", False),
        ("2026-11-28T22:50:00+00:00", True),
        ("2026-11-28T22:59:59.999+00:00", True),
        ("2026-11-28T23:00:00+00:00", False),
        ("2026-07-01T21:50:00+00:00", True),
        ("2026-07-01T22:50:00+00:00", False),
    ],
)
def test_the_window_is_by_the_wall_clock(moment: str, covered: bool) -> None:
    assert CoolDown(zone=WARSAW).covers(datetime.fromisoformat(moment)) is covered


@pytest.mark.parametrize(
    ("moment", "covered"),
    [
        ("2026-03-29T00:29:00+00:00", False),
        ("2026-03-29T00:30:00+00:00", True),  # 01:30; at 02:00 the clocks go to 03:00
        ("2026-03-29T01:00:00+00:00", False),  # 03:00: the rest of the window is not on any wall
        ("2026-10-25T00:15:00+00:00", True),  # 02:15, for the first time
        ("2026-10-25T01:15:00+00:00", True),  # 02:15, once more
        ("2026-10-25T01:45:00+00:00", False),
    ],
)
def test_around_a_change_of_summer_time_the_window_is_where_the_wall_clock_is_in_it(
    moment: str, covered: bool
) -> None:
    window = CoolDown(start=time(1, 30), end=time(2, 45), zone=WARSAW)
    assert window.covers(datetime.fromisoformat(moment)) is covered


def test_a_window_is_of_whole_seconds() -> None:
    with pytest.raises(InvalidInput, match="whole second"):
        CoolDown(start=time(23, 50, 0, 1))


def test_a_window_may_go_over_midnight() -> None:
    window = CoolDown(start=time(23, 30), end=time(0, 30), zone=UTC)
    covered = [window.covers(datetime(2026, 1, 1, hour, 15, tzinfo=UTC)) for hour in (23, 0, 1)]
    late = window.covers(datetime(2026, 1, 1, 23, 45, tzinfo=UTC))
    assert (covered, late) == ([False, True, False], True)


class Crossing(Process):
    """Its first step lasts until the window has begun."""

    STEPS: ClassVar = {"first": "first", "second": "second"}
    clock: ClassVar[Clock]
    manager: ClassVar[ProcessManager]

    async def first(self) -> ProcessResult:
        self.clock.move(timedelta(seconds=40))  # less than its lease

        async def cools() -> bool:
            return self.manager.cools()

        await until(cools, lambda cools: cools)
        return ProcessResult()

    async def second(self) -> ProcessResult:
        return ProcessResult(data=str(self.manager.now().astimezone(WARSAW).date()))


def to_the_evening(clock: Clock, hour: int, minute: int, second: int = 0) -> datetime:
    """Jump to this time of the day after tomorrow, in Warsaw."""
    now = clock.moment().astimezone(WARSAW)
    then = (now + timedelta(days=2)).replace(hour=hour, minute=minute, second=second, microsecond=0)
    clock.move(then - now)
    return then


async def test_no_step_begins_in_the_window_and_none_is_leased(url: str) -> None:
    # Given a process whose first step runs into the window
    with Clock(url) as clock:
        evening = to_the_evening(clock, 23, 49, 30)
        async with running(url, Crossing, cool_down=CoolDown(zone=WARSAW)) as processes:
            Crossing.clock, Crossing.manager = clock, processes
            instance = await processes.start(Crossing, ORDER)

            async def at_rest() -> tuple[int, bool]:
                runs = (await processes.show(instance.key)).history
                return len(runs), all(worker._paused for worker in processes.leasing.workers)

            # When the window is there, then the second step is not begun, and nobody asks for it
            await until(at_rest, lambda seen: seen == (1, True))
            info = (await processes.show(instance.key)).info
            # When the day is over, then it goes on
            clock.move(timedelta(minutes=10))
            values = await instance.result()
    assert (info.status, info.step) == (Status.IN_PROGRESS, "second")
    assert values["result"] == str(evening.date() + timedelta(days=1))


async def test_an_app_that_starts_in_the_window_waits_for_its_end(sqlite_url: str) -> None:
    with Clock(sqlite_url) as clock:
        to_the_evening(clock, 23, 55)
        async with running(sqlite_url, Work, cool_down=CoolDown(zone=WARSAW)) as processes:
            # When a process is started and a run is wanted
            instance = await processes.start(Work, ORDER)
            left_nothing = await processes.work()
            pending = (await processes.show(instance.key)).info
            status = await processes.work_one(instance.key)
    # Then neither begins anything
    assert pending.status is status is Status.PENDING
    assert not left_nothing


class Work(Process):
    STEPS: ClassVar = {"one": "one", "two": "two"}
    retry = RetryPolicy(wait=timedelta(hours=1))
    problem: ClassVar[Exception | None] = None

    def one(self) -> None:
        return None

    def two(self) -> None:
        if self.problem is not None:
            raise self.problem


async def test_a_run_ends_when_nothing_is_due(url: str) -> None:
    Work.problem = None
    async with running(url, Work) as processes:
        keys = [(await processes.start(Work, ("order", number))).key for number in range(20)]
        # When one run is made
        left_nothing = await processes.work()
        # Then all that was due is done, it says so, and nothing more is leased
        statuses = [(await processes.show(key)).info.status for key in keys]
        late = await processes.start(Work, ORDER)
        waiting = (await processes.show(late.key)).info.status
    assert left_nothing
    assert set(statuses) == {Status.SUCCESS}
    assert waiting is Status.PENDING


class Endless(Process):
    STEPS: ClassVar = {f"step{number}": "go_on" for number in range(200)}
    clock: ClassVar[Clock]

    def go_on(self) -> None:
        self.clock.move(timedelta(seconds=30))


async def test_a_run_begins_no_step_after_its_limit(sqlite_url: str) -> None:
    # Given steps that each take half a minute
    with Clock(sqlite_url) as clock:
        Endless.clock = clock
        async with running(sqlite_url, Endless) as processes:
            await processes.start(Endless, ORDER)
            # When a run may last ten minutes
            left_nothing = await processes.work(timedelta(minutes=10))
            (info,) = await processes.search()
    # Then it ends on the way, and says so
    assert not left_nothing
    assert info.status is Status.IN_PROGRESS
    assert info.step not in ("step0", "step199")


@pytest.mark.parametrize("problem", [OSError("away"), ProcessError("broken")])
async def test_one_process_is_run_by_hand_whatever_it_waits_for(url: str, problem: Exception) -> None:
    # Given one that waits an hour for its next try, or is held, and one nobody has begun
    Work.problem = problem
    async with running(url, Work) as processes:
        instance = await processes.start(Work, ORDER)
        await comes_to(processes, instance.key, Status.RETRY, Status.ERROR)
        processes.leasing.held_back = True
        await processes.leasing.obey()
        other = await processes.start(Work, ("order", "A-2"))
        # When it is run by hand, first in vain
        again = await processes.work_one(instance.key)
        Work.problem = None
        status = await processes.work_one(instance.key)
        others = (await processes.show(other.key)).info.status
        history = (await processes.show(instance.key)).history
        with pytest.raises(NotFound):
            await processes.work_one(17)
    # Then it alone has moved
    assert again is (Status.RETRY if isinstance(problem, OSError) else Status.ERROR)
    assert (status, others) == (Status.SUCCESS, Status.PENDING)
    assert [run.step for run in history] == ["one", "two", "two", "two"]


async def test_work_by_hand_runs_all_steps_of_a_process_nobody_has_begun(sqlite_url: str) -> None:
    Work.problem = None
    async with running(sqlite_url, Work) as processes:
        processes.leasing.held_back = True
        await processes.leasing.obey()
        instance = await processes.start(Work, ORDER)
        status = await processes.work_one(instance.key)
    assert status is Status.SUCCESS
