"""An app that drains finishes the steps it holds and begins no other, whatever the manager wants."""

from __future__ import annotations

import asyncio
from typing import ClassVar

from procession.process import Channel, Process, ProcessResult, Status
from tests.acceptance.processes.scene import ORDER, PATIENCE, comes_to, running


class InLine(Process):
    STEPS: ClassVar = {"only": "only"}
    channel = Channel("line", fifo=True)

    async def only(self) -> None:
        return None


async def test_a_drained_app_lets_another_give_the_turns_of_a_strict_channel(sqlite_url: str) -> None:
    async with running(sqlite_url, InLine) as one:
        # Given an app that gives the turns
        first = await one.start(InLine, ("order", 1))
        await comes_to(one, first.key, Status.SUCCESS)
        async with running(sqlite_url, InLine) as two:
            # When it drains
            await asyncio.wait_for(one.app.drain(), PATIENCE)
            # Then another one gives them
            second = await two.start(InLine, ("order", 2))
            await comes_to(two, second.key, Status.SUCCESS)


class Slow(Process):
    STEPS: ClassVar = {"first": "hold", "second": "note"}
    begun: ClassVar[asyncio.Event]
    go: ClassVar[asyncio.Event]

    async def hold(self) -> ProcessResult:
        self.begun.set()
        await self.go.wait()
        return ProcessResult("held")

    async def note(self) -> ProcessResult:
        return ProcessResult("noted")


async def test_a_drained_app_finishes_its_step_and_begins_no_other(sqlite_url: str) -> None:
    Slow.begun, Slow.go = asyncio.Event(), asyncio.Event()
    async with running(sqlite_url, Slow) as processes:
        # Given a step that runs
        held = await processes.start(Slow, ORDER)
        await asyncio.wait_for(Slow.begun.wait(), PATIENCE)

        # When the app drains, and the manager would have steps taken
        draining = asyncio.create_task(processes.app.drain())
        await asyncio.sleep(0)
        another = await processes.start(Slow, ("order", "A-2"))
        await processes.leasing.obey()
        assert not draining.done()
        Slow.go.set()
        await asyncio.wait_for(draining, PATIENCE)
        await processes.leasing.obey()

        # Then nothing else was begun
        assert (await processes.show(another.key)).history == []

    # and the step is not run again by who goes on
    async with running(sqlite_url, Slow) as processes:
        await comes_to(processes, held.key, Status.SUCCESS)
        after = [run.step for run in (await processes.show(held.key)).history]
    assert after == ["first", "second"]
