"""Strict channels: one process after the other, the oldest first."""

from __future__ import annotations

import asyncio
import random
from datetime import timedelta
from typing import ClassVar

import pytest

from procession import InvalidInput
from procession.operations.alerts import Alert
from procession.operations.alerts import Channel as AlertChannel
from procession.process import Channel, Process, ProcessError, ProcessResult, RetryPolicy, Status
from tests.acceptance.processes.scene import AT_ONCE, ORDER, comes_to, running, until

BOOKS = Channel("books", fifo=True)


class Booking(Process):
    STEPS: ClassVar = {"write": "write", "close": "close"}
    channel = BOOKS
    retry = AT_ONCE
    seen: ClassVar[list[tuple[str, str]]] = []
    problems: ClassVar[dict[str, list[Exception]]] = {}

    def write(self) -> ProcessResult:
        assert self.processable is not None
        self.seen.append(("write", self.processable.id))
        for problem in self.problems.get(self.processable.id, []):
            self.problems[self.processable.id].remove(problem)
            raise problem
        return ProcessResult()

    def close(self) -> ProcessResult:
        assert self.processable is not None
        self.seen.append(("close", self.processable.id))
        return ProcessResult()


class Other(Booking):
    pass


@pytest.fixture(autouse=True)
def nothing_seen() -> None:
    Booking.seen.clear()
    Booking.problems.clear()


async def test_processes_of_a_strict_channel_run_one_after_the_other(url: str) -> None:
    # Given two kinds of processes in one channel, some of which fail at first
    Booking.problems.update({"3": [OSError("away"), OSError("away")], "7": [OSError("away")]})
    async with running(url, Booking, Other) as processes:
        # When they are started in turn
        started = [
            await processes.start(random.choice([Booking, Other]), ("entry", number)) for number in range(12)
        ]
        for instance in started:
            await instance.result()
    # Then each had the channel for itself, in the order in which they were started
    order = [id for step, id in Booking.seen if step == "close"]
    assert order == [str(number) for number in range(12)]
    tries = {"3": 3, "7": 2}
    assert Booking.seen == [
        step
        for number in map(str, range(12))
        for step in [("write", number)] * tries.get(number, 1) + [("close", number)]
    ]


async def test_several_nodes_share_a_channel(url: str) -> None:
    # Given three apps on one database
    async with running(url, Booking) as one, running(url, Booking) as two, running(url, Booking) as three:
        apps = [one, two, three]
        # When processes are started on all of them, and the first ones leave
        started = [(await apps[number % 3].start(Booking, ("entry", number))).key for number in range(30)]
        await comes_to(three, started[5], Status.SUCCESS)
        await one.app.__aexit__(None, None, None)
        await comes_to(three, started[15], Status.SUCCESS)
        await two.app.__aexit__(None, None, None)
        await comes_to(three, started[-1], Status.SUCCESS)
    # Then all ran in their order, none twice at once
    assert Booking.seen == [(step, str(n)) for n in range(30) for step in ("write", "close")]


class Slow(Booking):
    retry = RetryPolicy(wait=timedelta(hours=1))


async def test_a_retry_that_is_not_due_holds_those_behind_it(sqlite_url: str) -> None:
    Slow.problems["first"] = [OSError("away")]
    async with running(sqlite_url, Slow) as processes:
        first = await processes.start(Slow, ("entry", "first"))
        second = await processes.start(Slow, ("entry", "second"))
        await comes_to(processes, first.key, Status.RETRY)
        behind = (await processes.show(second.key)).info
        # When it is restarted
        await processes.restart(first.key)
        await second.result()
    # Then the one behind it had to wait
    assert (behind.status, behind.step, behind.message) == (
        Status.PENDING,
        "turn",
        "waits for its turn in the channel",
    )
    assert [id for _, id in Slow.seen] == ["first", "first", "first", "second", "second"]


class Mailbox(AlertChannel):
    """People who are told."""

    name = "mailbox"

    def __init__(self) -> None:
        self.alerts: list[Alert] = []

    async def send(self, alert: Alert) -> None:
        self.alerts.append(alert)


@pytest.mark.parametrize("way", ["restart", "abandon"])
async def test_an_error_locks_the_channel_and_tells_people_once_until_somebody_sees_to_it(
    url: str, way: str
) -> None:
    # Given a process that fails for good in front of another
    mailbox = Mailbox()
    Booking.problems["first"] = [ProcessError("the books are closed")]
    async with running(url, Booking, alerts=[mailbox]) as processes:
        first = await processes.start(Booking, ("entry", "first"))
        second = await processes.start(Booking, ("entry", "second"))
        await comes_to(processes, first.key, Status.ERROR)

        async def told() -> int:
            return len(mailbox.alerts)

        await until(told, lambda count: count == 1)
        behind = (await processes.show(second.key)).info.status
        # When it is restarted or abandoned
        await (processes.restart(first.key) if way == "restart" else processes.abandon(first.key, "why"))
        await second.result()
    # Then people were told what to do, and the one behind it went on only then
    (alert,) = mailbox.alerts
    assert behind is Status.PENDING
    assert "ERROR: the books are closed" in alert.subject
    assert f"procession process restart MODULE:APP {first.key}" in alert.next_step
    assert "channel stands still" in alert.next_step


async def test_a_warning_holds_its_process_and_alarms_nobody(sqlite_url: str) -> None:
    mailbox = Mailbox()
    Booking.problems["first"] = [ProcessError("look at it", status=Status.WARNING)]
    async with running(sqlite_url, Booking, alerts=[mailbox]) as processes:
        first = await processes.start(Booking, ("entry", "first"))
        await comes_to(processes, first.key, Status.WARNING)
    assert mailbox.alerts == []


async def test_one_that_waits_for_its_turn_can_be_abandoned(sqlite_url: str) -> None:
    Booking.problems["1"] = [ProcessError("broken")]
    async with running(sqlite_url, Booking) as processes:
        keys = [(await processes.start(Booking, ("entry", number))).key for number in range(1, 4)]
        await comes_to(processes, keys[0], Status.ERROR)
        await processes.abandon(keys[1], "not needed")
        await processes.restart(keys[0])
        await comes_to(processes, keys[2], Status.SUCCESS)
        infos = [(await processes.show(key)).info.status for key in keys]
    assert infos == [Status.SUCCESS, Status.ABORTED, Status.SUCCESS]
    assert ("write", "2") not in Booking.seen


async def test_channels_do_not_wait_for_each_other(sqlite_url: str) -> None:
    Booking.problems["held"] = [ProcessError("broken")]
    async with running(sqlite_url, Booking, Elsewhere) as processes:
        # Given a channel that is locked
        held = await processes.start(Booking, ("entry", "held"))
        await comes_to(processes, held.key, Status.ERROR)
        # When processes start in another strict one, and in a parallel one
        elsewhere = await processes.start(Elsewhere, ("entry", "elsewhere"))
        parallel = await processes.start(Booking, ("entry", "parallel"), channel=Channel("quick"))
        # Then they run
        await elsewhere.result()
        await parallel.result()
        info = (await processes.show(parallel.key)).info
    assert info.channel == "quick"


class Elsewhere(Booking):
    channel = Channel("elsewhere", fifo=True)


class Parallel(Process):
    STEPS: ClassVar = {"meet": "meet"}
    waiting: ClassVar[set[int]] = set()
    all_there: ClassVar[asyncio.Event]

    async def meet(self) -> None:
        self.waiting.add(self.key)
        if len(self.waiting) == 3:
            self.all_there.set()
        await self.all_there.wait()


async def test_other_channels_run_in_parallel(sqlite_url: str) -> None:
    # Given processes that wait for each other
    Parallel.waiting, Parallel.all_there = set(), asyncio.Event()
    async with running(sqlite_url, Parallel) as processes:
        started = [await processes.start(Parallel, ("order", number)) for number in range(3)]
        # Then all of them end
        for instance in started:
            await instance.result(timedelta(seconds=60))


async def test_a_class_without_a_strict_channel_cannot_wait_for_a_turn(sqlite_url: str) -> None:
    async with running(sqlite_url, Parallel) as processes:
        with pytest.raises(InvalidInput, match="would not wait for its turn"):
            await processes.start(Parallel, ORDER, channel=BOOKS)
