"""Strict channels: one process after the other, the oldest first."""

from __future__ import annotations

import asyncio
import random
from datetime import timedelta
from typing import ClassVar

import pytest
import sqlalchemy as sa

from procession import InvalidInput, Procession, StorageError, WrongState
from procession.engine import commands as c
from procession.operations.alerts import Alert
from procession.operations.alerts import Channel as AlertChannel
from procession.process import (
    Channel,
    Process,
    ProcessError,
    ProcessManager,
    ProcessResult,
    RetryPolicy,
    Status,
    channels,
)
from procession.storage.searches.turns import waiting_turns
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


# --- the order ------------------------------------------------------------------------------------


def asking(url: str) -> ProcessManager:
    """An app that executes only its own commands: what is left for others stays where it is."""
    manager = ProcessManager(Procession(url, serve=False), cool_down=None)
    manager.register(Booking)
    return manager


async def test_the_order_is_that_of_the_starts_whatever_keys_nodes_have_in_store(url: str) -> None:
    # Given a process that holds the channel, and nodes whose stores of keys lie apart
    Booking.problems["0"] = [ProcessError("broken")]
    early = asking(url)
    async with early.app, running(url, Booking) as late:
        nodes = [late, early]
        held = await late.start(Booking, ("entry", 0))
        await comes_to(late, held.key, Status.ERROR)
        # When processes are started on them in turn, without a pause
        keys = [(await nodes[number % 2].start(Booking, ("entry", number))).key for number in range(1, 9)]
        await late.restart(held.key)
        await comes_to(late, keys[-1], Status.SUCCESS)
    # Then that is their order
    assert keys == sorted(keys)
    assert [id for step, id in Booking.seen if step == "close"] == [str(number) for number in range(9)]


async def test_a_start_in_ones_own_transaction_keeps_its_place(url: str) -> None:
    # Given a start that is committed with its caller's data and not carried out yet, and a later one that is
    engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    try:
        manager = asking(url)
        async with manager.app as app:
            with engine.begin() as connection:
                first = await manager.start(Booking, ("entry", "first"), connection=connection)
            second = await manager.start(Booking, ("entry", "second"))
            # Then nobody has a turn yet
            assert waiting_turns(app._backend.reader("test"), "process-channel.books", "books", 9) == []
        # When a node comes
        async with running(url, Booking) as node:
            await comes_to(node, second.key, Status.SUCCESS)
    finally:
        engine.dispose()
    # Then they run in the order in which they were started
    assert first.key < second.key
    assert [id for step, id in Booking.seen if step == "close"] == ["first", "second"]


# --- what may happen to who gives the turns -------------------------------------------------------


async def test_a_start_on_another_node_gets_its_turn_without_a_look(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given that whoever gives the turns waits for ever when there is nobody
    monkeypatch.setattr(channels, "LOOK_SECONDS", 1e6)
    async with running(url, Booking) as one, running(url, Booking) as two:
        for number in range(6):
            # When a process is started on one of two nodes
            key = (await (one, two)[number % 2].start(Booking, ("entry", number))).key
            # Then it runs
            await comes_to(one, key, Status.SUCCESS)


async def test_turns_go_on_after_faults_of_the_database(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a database that fails now and then while turns are given
    faults = iter([True, False] * 4)

    def failing(*arguments: object) -> object:
        if next(faults, False):
            raise StorageError("the database is away")
        return waiting_turns(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(channels, "waiting_turns", failing)
    monkeypatch.setattr(channels, "AGAIN_SECONDS", 0.01)
    async with running(sqlite_url, Booking) as processes:
        # When processes are started one after the other
        for number in range(4):
            started = await processes.start(Booking, ("entry", number))
            # Then each gets its turn
            await started.result(timedelta(seconds=60))
    assert next(faults, None) is None


class Busy(Booking):
    """Its only step waits until it may end."""

    STEPS: ClassVar = {"wait": "wait"}
    begun: ClassVar[asyncio.Event]
    may_end: ClassVar[asyncio.Event]

    async def wait(self) -> None:
        self.begun.set()
        await self.may_end.wait()


async def test_a_process_that_a_worker_got_in_the_last_moment_is_not_abandoned(url: str) -> None:
    # Given an operator who has seen that nobody is at a process, just before somebody is
    Busy.begun, Busy.may_end = asyncio.Event(), asyncio.Event()
    async with running(url, Busy) as processes:
        started = await processes.start(Busy, ORDER)
        await Busy.begun.wait()
        # When it is to be abandoned
        with pytest.raises(WrongState, match="is at it"):
            await processes.app._send(c.AbandonInstance(started.key, {"status": '"ABORTED"'}))
        # Then it goes on, and nothing of that is left
        Busy.may_end.set()
        await started.result(timedelta(seconds=60))
        info = (await processes.show(started.key)).info
    assert info.status is Status.SUCCESS


async def test_a_run_goes_on_as_long_as_there_are_turns_to_give(url: str) -> None:
    # Given processes that wait while nobody works, one of which will be held
    Booking.problems["15"] = [ProcessError("broken")]
    manager = asking(url)
    async with manager.app:
        keys = [(await manager.start(Booking, ("entry", number))).key for number in range(20)]
    # When a run is made
    async with running(url, Booking) as processes:
        await processes.work()
        statuses = [(await processes.show(key)).info.status for key in keys]
    # Then it ends when the channel stands still
    assert statuses == [Status.SUCCESS] * 15 + [Status.ERROR] + [Status.PENDING] * 4


class Held(Booking):
    """Its first version waits for its turn."""

    process_id = "held"


class HeldV2(Held):
    """The second one does not."""

    version = 2
    channel = Channel("parallel")


async def test_a_process_that_is_moved_out_of_the_line_runs_all_its_steps(url: str) -> None:
    # Given a process that is held, and one behind it, both of which are in the line that was written down
    Booking.problems["first"] = [ProcessError("broken")]
    manager = ProcessManager(Procession(url, serve=False), cool_down=None)
    manager.register(Held)
    async with manager.app:
        first, second = [(await manager.start(Held, ("entry", one))).key for one in ("first", "second")]
    async with running(url, Held, HeldV2) as processes:
        await comes_to(processes, first, Status.ERROR)
        # When the one behind is moved to a version without a strict channel, while nobody runs its steps
        processes.leasing.held_back = True
        await processes.leasing.obey()
        moved = await processes.migrate_all([second])
        # And the first one is over
        await processes.abandon(first, "why")
        await asyncio.sleep(0.3)  # its turn comes, which it does not need any more
        waiting = (await processes.show(second)).info
        processes.leasing.held_back = False
        await processes.leasing.obey()
        await comes_to(processes, second, Status.SUCCESS)
    # Then no step was taken for its turn
    assert (moved.done, waiting.step) == ([second], "write")
    assert [step for step, id in Booking.seen if id == "second"] == ["write", "close"]
