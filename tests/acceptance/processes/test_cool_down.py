"""The window in which no step begins, around changes of summer time and with a clock that jumps."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, time, timedelta
from typing import ClassVar
from zoneinfo import ZoneInfo

import pytest

from procession.process import (
    Channel,
    CoolDown,
    Process,
    ProcessError,
    ProcessManager,
    ProcessResult,
    RetryPolicy,
    Status,
)
from procession.testing.clock import Clock
from tests.acceptance.processes.scene import comes_to, running, until

WARSAW, SYDNEY = ZoneInfo("Europe/Warsaw"), ZoneInfo("Australia/Sydney")
SANTIAGO = ZoneInfo("America/Santiago")
"""Its clocks change at midnight."""
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


def next_change(zone: ZoneInfo, after: datetime, *, forward: bool) -> datetime:
    """When the clocks of a zone are next put forward, or back (UTC): the first moment of the new time."""
    at = after.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    while True:
        gained = (at + HOUR).astimezone(zone).replace(tzinfo=None) - at.astimezone(zone).replace(tzinfo=None)
        at += HOUR
        if gained != HOUR and (gained > HOUR) is forward:
            return at


NIGHTS = [
    # Warsaw, 02:00 becomes 03:00: the window lasts from 01:30 on and is cut short.
    pytest.param(WARSAW, True, (time(1, 30), time(2, 45)), [(-30, 30)], id="Warsaw-spring"),
    # All of the window is missing.
    pytest.param(WARSAW, True, (time(2, 10), time(2, 50)), [], id="Warsaw-spring-missing"),
    # It begins in the missing hour.
    pytest.param(WARSAW, True, (time(2, 30), time(3, 20)), [(0, 20)], id="Warsaw-spring-begins-missing"),
    # 03:00 becomes 02:00: its part in the doubled hour comes twice.
    pytest.param(WARSAW, False, (time(1, 30), time(2, 45)), [(-90, 75), (0, 45)], id="Warsaw-autumn"),
    pytest.param(WARSAW, False, (time(2, 10), time(2, 20)), [(-50, 10), (10, 10)], id="Warsaw-autumn-twice"),
    pytest.param(WARSAW, False, (time(23, 30), time(0, 30)), [(-210, 60)], id="Warsaw-autumn-midnight"),
    # Sydney is put forward in October and back in April.
    pytest.param(SYDNEY, True, (time(1, 30), time(2, 45)), [(-30, 30)], id="Sydney-spring"),
    pytest.param(SYDNEY, False, (time(1, 30), time(2, 45)), [(-90, 75), (0, 45)], id="Sydney-autumn"),
    # Santiago: the hour from midnight is missing, or the one before it comes twice.
    pytest.param(SANTIAGO, True, (time(23, 50), time(0, 0)), [(-10, 10)], id="Santiago-spring"),
    pytest.param(
        SANTIAGO, True, (time(23, 30), time(0, 30)), [(-30, 30)], id="Santiago-spring-over-midnight"
    ),
    pytest.param(SANTIAGO, False, (time(23, 50), time(0, 0)), [(-10, 10), (50, 10)], id="Santiago-autumn"),
    pytest.param(
        SANTIAGO,
        False,
        (time(23, 30), time(0, 30)),
        [(-30, 30), (30, 60)],
        id="Santiago-autumn-over-midnight",
    ),
]
"""A zone, whether its clocks are put forward, the window, and where that is: from so many minutes after the
change, so many minutes long."""
Night = tuple[ZoneInfo, bool, tuple[time, time], list[tuple[int, int]]]


def windows(change: datetime, parts: list[tuple[int, int]]) -> list[tuple[datetime, datetime]]:
    return [(change + begin * MINUTE, change + (begin + length) * MINUTE) for begin, length in parts]


@pytest.mark.parametrize(("zone", "forward", "window", "parts"), NIGHTS)
def test_the_window_is_where_the_clock_on_the_wall_is_in_it(
    zone: ZoneInfo, forward: bool, window: tuple[time, time], parts: list[tuple[int, int]]
) -> None:
    # Given a window, and a night in which the clocks change
    cool_down = CoolDown(start=window[0], end=window[1], zone=zone)
    change = next_change(zone, datetime(2026, 1, 1, tzinfo=UTC), forward=forward)
    # When one looks each minute of four hours before and after
    minutes = [change + number * MINUTE for number in range(-240, 240)]
    seen = [minute for minute in minutes if cool_down.covers(minute)]
    # Then it is there and nowhere else
    expected = windows(change, parts)
    assert seen == [minute for minute in minutes if any(begin <= minute < end for begin, end in expected)]


class Note(Process):
    """Notes when its steps run."""

    STEPS: ClassVar = {"first": "note", "second": "note"}
    now: ClassVar[list[datetime]] = []
    manager: ClassVar[ProcessManager]

    def note(self) -> None:
        self.now.append(self.manager.now())


@pytest.mark.parametrize(("zone", "forward", "window", "parts"), NIGHTS)
async def test_in_that_night_nothing_begins_in_the_window_and_all_begins_after_it(
    sqlite_url: str, zone: ZoneInfo, forward: bool, window: tuple[time, time], parts: list[tuple[int, int]]
) -> None:
    Note.now.clear()
    cool_down = CoolDown(start=window[0], end=window[1], zone=zone)
    with Clock(sqlite_url) as clock:
        change = next_change(zone, clock.moment() + timedelta(days=1), forward=forward)
        closed = windows(change, parts)
        edges = [edge - MINUTE for window in closed for edge in window]  # before each begin, before each end
        looks = sorted({change - 230 * MINUTE, change - MINUTE, change, change + 239 * MINUTE, *edges})
        # Given that the clock jumps to both sides of each edge in turn
        async with running(sqlite_url, Note, cool_down=cool_down) as manager:
            Note.manager = manager
            keys: list[int] = []
            for number, moment in enumerate(looks):
                clock.move(moment - clock.moment())
                # When a process is started there
                keys.append((await manager.start(Note, ("night", number))).key)
                if any(begin <= moment < end for begin, end in closed):
                    # Then it waits in the window
                    await rests(manager)
                    await comes_to(manager, keys[-1], Status.PENDING)  # a lease is given back
                else:
                    # And runs elsewhere, with those that waited
                    for key in keys:
                        await comes_to(manager, key, Status.SUCCESS)
    assert len(Note.now) == 2 * len(keys)
    assert not [now for now in Note.now if any(begin <= now < end for begin, end in closed)]


async def rests(manager: ProcessManager) -> None:
    """Wait until no worker asks for steps any more."""

    async def paused() -> bool:
        return all(worker._paused for worker in manager.leasing.workers)

    await until(paused, lambda paused: paused)


# --- a strict channel over the window -------------------------------------------------------------


class Line(Process):
    STEPS: ClassVar = {"open": "open", "close": "close"}
    channel = Channel("line", fifo=True)
    retry = RetryPolicy(wait=timedelta(0))
    seen: ClassVar[list[tuple[str, str, datetime]]] = []
    clock: ClassVar[Clock]
    manager: ClassVar[ProcessManager]
    held: ClassVar[set[str]] = set()

    def note(self) -> str:
        assert self.processable is not None
        self.seen.append((self.step, self.processable.id, self.manager.now()))
        return self.processable.id

    async def open(self) -> ProcessResult:
        id = self.note()
        if id in self.held:
            self.held.remove(id)
            raise ProcessError("the books are closed")
        if id == "1":  # it goes on until the window has begun; less than its lease
            self.clock.move(timedelta(seconds=40))

            async def cools() -> bool:
                return self.manager.cools()

            await until(cools, lambda cools: cools)
        return ProcessResult()

    async def close(self) -> None:
        self.note()


@asynccontextmanager
async def line(url: str, cool_down: CoolDown | None, nodes: int) -> AsyncIterator[list[ProcessManager]]:
    """So many nodes with the channel's class."""
    Line.seen.clear()
    Line.held.clear()
    if nodes == 0:
        yield []
        return
    async with line(url, cool_down, nodes - 1) as others, running(url, Line, cool_down=cool_down) as manager:
        Line.manager = manager
        yield [*others, manager]


async def test_a_strict_channel_stands_still_in_the_window_and_keeps_its_order(url: str) -> None:
    window = CoolDown(zone=WARSAW)
    with Clock(url) as clock:
        Line.clock = clock
        now = clock.moment().astimezone(WARSAW)
        evening = (now + timedelta(days=2)).replace(hour=23, minute=49, second=30, microsecond=0)
        clock.move(evening - now)
        midnight = evening.replace(hour=0, minute=0, second=0) + timedelta(days=1)
        async with line(url, window, 2) as (one, two):
            # Given three processes, the second of which is between its steps when the window begins
            keys = [(await node.start(Line, ("n", n))).key for n, node in enumerate((one, two, one))]

            async def at() -> str | None:
                return (await one.show(keys[1])).info.step

            await until(at, lambda step: step == "close")
            await asyncio.gather(rests(one), rests(two))
            before = [(step, id) for step, id, _ in Line.seen]
            # When the day is over
            clock.move(timedelta(minutes=11))
            await comes_to(one, keys[2], Status.SUCCESS)
    # Then nobody was let in between, and nothing has begun in the window
    assert before == [("open", "0"), ("close", "0"), ("open", "1")]
    assert [(step, id) for step, id, _ in Line.seen] == [
        (step, id) for id in ("0", "1", "2") for step in ("open", "close")
    ]
    assert all(moment < evening.replace(minute=50, second=0) for _, _, moment in Line.seen[:3])
    assert all(moment >= midnight for _, _, moment in Line.seen[3:])


# --- a clock that jumps back ----------------------------------------------------------------------


async def test_a_strict_channel_keeps_its_order_when_the_clock_jumps_back(url: str) -> None:
    with Clock(url) as clock:
        Line.clock = clock
        async with line(url, None, 2) as (one, two):
            # Given a process that holds the channel, and one behind it
            Line.held.add("0")
            keys = [(await one.start(Line, ("n", number))).key for number in (0, 10)]
            await comes_to(one, keys[0], Status.ERROR)
            # When the clock jumps back before others are started, on several nodes
            clock.move(-2 * HOUR)
            keys += [
                (await node.start(Line, ("n", n))).key for n, node in enumerate((two, one, two), start=11)
            ]
            await one.restart(keys[0])
            await comes_to(one, keys[-1], Status.SUCCESS)
    # Then they run in the order in which they were started
    assert [id for step, id, _ in Line.seen if step == "close"] == ["0", "10", "11", "12", "13"]


async def test_a_servers_clock_that_jumps_back_into_the_window_closes_it_again(postgresql_url: str) -> None:
    Note.now.clear()
    with Clock(postgresql_url) as clock:
        now = clock.moment().astimezone(WARSAW)
        midnight = (now + timedelta(days=2)).replace(hour=0, minute=0, second=0, microsecond=0)
        # Given that the window is over
        clock.move(midnight + MINUTE - now)
        async with running(postgresql_url, Note, cool_down=CoolDown(zone=WARSAW)) as manager:
            Note.manager = manager
            first = await manager.start(Note, ("night", 1))
            await comes_to(manager, first.key, Status.SUCCESS)
            # When the clock jumps back into it
            clock.move(-5 * MINUTE)
            second = await manager.start(Note, ("night", 2))
            await rests(manager)
            # Then nothing begins until it is over again
            assert (await manager.show(second.key)).info.status is Status.PENDING
            clock.move(5 * MINUTE)
            await comes_to(manager, second.key, Status.SUCCESS)


async def test_on_sqlite_a_clock_that_jumps_back_stands_still_and_the_window_stays_over(
    sqlite_url: str,
) -> None:
    Note.now.clear()
    with Clock(sqlite_url) as clock:
        now = clock.moment().astimezone(WARSAW)
        midnight = (now + timedelta(days=2)).replace(hour=0, minute=0, second=0, microsecond=0)
        clock.move(midnight + MINUTE - now)
        async with running(sqlite_url, Note, cool_down=CoolDown(zone=WARSAW)) as manager:
            Note.manager = manager
            first = await manager.start(Note, ("night", 1))
            await comes_to(manager, first.key, Status.SUCCESS)
            # When the clock jumps back into the window
            clock.move(-5 * MINUTE)
            second = await manager.start(Note, ("night", 2))
            # Then what is started now runs
            await comes_to(manager, second.key, Status.SUCCESS)
    assert all(now >= midnight for now in Note.now)
