"""Looking at processes, restarting and abandoning them."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import ClassVar

import pytest
import sqlalchemy as sa

from procession import Aborted, NotFound, Procession, WrongState
from procession.process import Process, ProcessError, ProcessManager, ProcessResult, RetryPolicy, Status
from tests.acceptance.processes.scene import ORDER, comes_to, running, until


class Held(Process):
    """HELD ORDERS"""

    STEPS: ClassVar = {"first": "first", "work": "work"}
    retry = RetryPolicy(wait=timedelta(hours=1))
    mended: ClassVar[bool] = False
    raises: ClassVar[Exception]

    def first(self) -> ProcessResult:
        return ProcessResult(meta={"display": {"Number": f"N-{self.processable.id}"}})  # type: ignore[union-attr]

    def work(self) -> ProcessResult:
        if not self.mended:
            raise self.raises
        return ProcessResult("mended")


@pytest.fixture(autouse=True)
def broken() -> None:
    Held.mended = False
    Held.raises = ProcessError("broken")


@pytest.mark.parametrize(
    ("raised", "status"),
    [
        (ProcessError("broken"), Status.ERROR),
        (ProcessError("broken", status=Status.WARNING), Status.WARNING),
        (OSError("away"), Status.RETRY),
    ],
)
async def test_a_restarted_process_goes_on_at_the_step_that_failed(
    url: str, raised: Exception, status: Status
) -> None:
    # Given a process that is held, or waits an hour for its next try
    Held.raises = raised
    async with running(url, Held) as processes:
        instance = await processes.start(Held, ORDER)
        await comes_to(processes, instance.key, status)
        # When the cause is mended, and it is restarted
        Held.mended = True
        await processes.restart(instance.key)
        await instance.result()
        history = (await processes.show(instance.key)).history
    # Then only that step ran again
    assert [(run.step, run.status) for run in history] == [
        ("first", Status.SUCCESS),
        ("work", status),
        ("work", Status.SUCCESS),
    ]


async def test_after_a_restart_all_tries_are_there_again(sqlite_url: str) -> None:
    async with running(sqlite_url, Held) as processes:
        instance = await processes.start(Held, ORDER)
        await comes_to(processes, instance.key, Status.ERROR)
        Held.raises = OSError("away")
        await processes.restart(instance.key)
        await comes_to(processes, instance.key, Status.RETRY)
        detail = await processes.app.instance(instance.key)
    assert "(49 left)" in detail.waiting[0].reason


async def test_an_abandoned_process_is_aborted_and_says_by_whom_and_why(url: str) -> None:
    async with running(url, Held) as processes:
        instance = await processes.start(Held, ORDER)
        await comes_to(processes, instance.key, Status.ERROR)
        # When somebody abandons it
        await processes.abandon(instance.key, "the customer withdrew", by="anna", origin="the console")
        with pytest.raises(Aborted):
            await instance.result()
        detail = await processes.show(instance.key)
        # Then nothing is left to restart or abandon
        with pytest.raises(WrongState, match="ABORTED: there is nothing to restart"):
            await processes.restart(instance.key)
        with pytest.raises(WrongState, match="cannot be abandoned: it is ABORTED"):
            await processes.abandon(instance.key, "again")
    assert detail.info.status is Status.ABORTED
    assert detail.info.message == "the customer withdrew"
    assert detail.aborted is not None
    assert (detail.aborted.by, detail.aborted.origin) == ("anna", "the console")
    assert detail.info.started_at <= detail.aborted.at


class Busy(Process):
    STEPS: ClassVar = {"work": "work"}
    go_on: ClassVar[asyncio.Event]

    async def work(self) -> None:
        await self.go_on.wait()


async def test_what_a_worker_is_at_is_neither_restarted_nor_abandoned(sqlite_url: str) -> None:
    Busy.go_on = asyncio.Event()
    async with running(sqlite_url, Busy) as processes:
        instance = await processes.start(Busy, ORDER)
        await comes_to(processes, instance.key, Status.IN_PROGRESS)
        with pytest.raises(WrongState, match="IN_PROGRESS: there is nothing to restart"):
            await processes.restart(instance.key)
        with pytest.raises(WrongState, match=r"cannot be abandoned: worker .* is at it"):
            await processes.abandon(instance.key, "why not")
        Busy.go_on.set()
        await instance.result()


async def test_a_process_nobody_has_begun_is_pending_and_can_be_abandoned(sqlite_url: str) -> None:
    async with running(sqlite_url, Held) as processes:
        await hold_back(processes)
        instance = await processes.start(Held, ORDER)
        info = (await processes.show(instance.key)).info
        await processes.abandon(instance.key, "never mind")
    assert (info.status, info.step) == (Status.PENDING, "first")


async def hold_back(processes: ProcessManager) -> None:
    processes.leasing.held_back = True
    await processes.leasing.obey()


async def test_many_are_repaired_together_and_those_that_refuse_are_told(url: str) -> None:
    # Given some that are held, and one that has ended
    async with running(url, Held) as processes:
        keys = [(await processes.start(Held, ("order", number))).key for number in range(3)]
        for key in keys:
            await comes_to(processes, key, Status.ERROR)
        await processes.abandon(keys[0], "first")
        # When all are restarted, and all abandoned
        Held.raises = ProcessError("still")
        restarted = await processes.restart_all(keys)
        for key in keys[1:]:
            await until(lambda key=key: processes.show(key), lambda one: len(one.history) == 3)
            await comes_to(processes, key, Status.ERROR)
        abandoned = await processes.abandon_all([*keys[1:], 17], "all of them")
    # Then
    assert restarted.done == keys[1:]
    assert restarted.refused == {keys[0]: f"process {keys[0]} is ABORTED: there is nothing to restart"}
    assert abandoned.done == keys[1:]
    assert list(abandoned.refused) == [17]


async def test_many_are_looked_up_with_the_statements_of_one(url: str) -> None:
    # Given many that are held
    async with running(url, Held) as processes:
        keys = [one.key for one in await processes.start_all(Held, [("order", n) for n in range(60)])]
        for key in keys:
            await comes_to(processes, key, Status.ERROR)
        statements: list[str] = []
        engine = processes.app._backend.reader("counting its statements")
        sa.event.listen(engine, "before_cursor_execute", lambda *told: statements.append(told[2]))
        # When one is abandoned, and then all others
        await processes.abandon_all(keys[:1], "one")
        of_one = list(statements)
        bulk = await processes.abandon_all(keys[1:], "all others")
        of_many = statements[len(of_one) :]
    # Then
    assert bulk.done == keys[1:]
    assert len(of_one) == len(of_many) > 0


async def test_lists_are_filtered_and_show_columns_of_the_process(url: str) -> None:
    # Given processes of several statuses
    async with running(url, Held, Busy) as processes:
        Busy.go_on = asyncio.Event()
        Busy.go_on.set()
        held = await processes.start(Held, ORDER)
        done = await processes.start(Busy, ORDER)
        await done.result()
        await comes_to(processes, held.key, Status.ERROR)
        # When they are looked for
        everything = await processes.search()
        errors = await processes.search(status=Status.ERROR)
        of_busy = await processes.search(process="Busy")
        of_order = await processes.search(processable=ORDER, limit=1)
        nowhere = await processes.search(channel="books")
        with pytest.raises(NotFound):
            await processes.show(17)
    # Then
    assert [one.key for one in everything] == [done.key, held.key]
    assert [(one.label, one.processable, one.display) for one in errors] == [
        ("HELD ORDERS", "order:A-1", {"Number": "N-A-1"})
    ]
    assert [one.status for one in of_busy] == [Status.SUCCESS]
    assert [one.key for one in of_order] == [done.key]
    assert nowhere == []


async def test_a_list_finds_what_is_rare_behind_pages_of_others(sqlite_url: str) -> None:
    # Given one that is held, and more than a page of others begun after it
    async with running(sqlite_url, Held) as processes:
        rare = await processes.start(Held, ("rare", 1))
        await comes_to(processes, rare.key, Status.ERROR)
        await hold_back(processes)
        await asyncio.gather(*(processes.start(Held, ("order", number)) for number in range(600)))
        # When it is looked for
        found = await processes.search(status=Status.ERROR, limit=10)
        pending = await processes.search(status=Status.PENDING, limit=550)
    # Then
    assert [one.key for one in found] == [rare.key]
    assert len(pending) == 550


def test_plain_code_does_the_same_without_await(sqlite_url: str) -> None:
    # Given an app in plain code
    processes = ProcessManager(Procession(sqlite_url), cool_down=None)
    processes.register(Quick)
    with processes.app.sync() as app:
        plain = processes.sync(app)
        # When it is started, looked for, and looked at
        instance = plain.start(Quick, ORDER, meta={"a": 1})
        values = instance.result()
        (info,) = plain.search(status=Status.SUCCESS)
        detail = plain.show(info.key)
        refused = plain.restart_all([info.key]).refused
        with pytest.raises(WrongState):
            plain.abandon(info.key, "too late")
    # Then
    assert values["meta"] == detail.meta == {"a": 1}
    assert list(refused) == [instance.key]


class Quick(Process):
    STEPS: ClassVar = {"only": "only"}

    def only(self) -> None:
        return None
