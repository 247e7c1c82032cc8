"""Timers: dates, durations, cycles, boundaries (engine.md 6). They are short, since time is real here."""

from __future__ import annotations

from tests.building import boundary, catch, flow, job, on_cycle, on_date, on_duration, sub
from tests.oracle.models import inner_line, line
from tests.oracle.run import Run
from tests.oracle.scenario import scenario


@scenario("a duration passes")
async def _(run: Run) -> None:
    await run.deploy(line(catch("w", on_duration("PT0.2S")), job("t")))
    await run.create()
    await run.do("t")


@scenario("a long duration waits")
async def _(run: Run) -> None:
    await run.deploy(line(catch("w", on_duration("P1DT2H"))))
    await run.create()
    await run.at("w")


@scenario("a duration may be an expression")
async def _(run: Run) -> None:
    await run.deploy(line(catch("w", on_duration('=duration("PT" + seconds + "S")'))))
    await run.create({"seconds": "0.1"})
    await run.over()


@scenario("a negative duration is due at once")
async def _(run: Run) -> None:
    await run.deploy(line(catch("w", on_duration("=wait"))))
    await run.create({"wait": "-PT1H"})
    await run.rest()


@scenario("a date in the past is due at once")
async def _(run: Run) -> None:
    await run.deploy(line(catch("w", on_date("2020-01-01T00:00:00Z"))))
    await run.create()
    await run.over()


@scenario("a date may be an expression")
async def _(run: Run) -> None:
    await run.deploy(line(catch("w", on_date("=now() + wait"))))
    await run.create({"wait": "PT1S"})
    await run.rest()


@scenario("a date from a date and time value")
async def _(run: Run) -> None:
    await run.deploy(line(catch("w", on_date('=date and time("2020-01-01T00:00:00Z") + duration("P1D")'))))
    await run.create()
    await run.over()


@scenario("a timer interrupts a task")
async def _(run: Run) -> None:
    late = boundary("late", "t", on_duration("PT0.3S")) + job("instead")
    await run.deploy(line(job("t"), more=late + flow("late", "instead")))
    await run.create()
    await run.do("instead")
    await run.waiting_jobs("t")


@scenario("a timer that does not interrupt lets both go on")
async def _(run: Run) -> None:
    remind = boundary("r", "t", on_duration("PT0.2S"), interrupting=False) + job("reminder")
    await run.deploy(line(job("t"), more=remind + flow("r", "reminder")))
    await run.create({"a": 1})
    await run.do("reminder")
    await run.do("t")


@scenario("a cycle reminds as often as it says")
async def _(run: Run) -> None:
    remind = boundary("r", "t", on_cycle("R3/PT0.2S"), interrupting=False) + job("reminder")
    await run.deploy(line(job("t"), more=remind + flow("r", "reminder")))
    await run.create()
    for _ in range(3):
        await run.do("reminder")
    await run.settle()
    await run.do("t")


@scenario("a task that ends in time cancels its timer")
async def _(run: Run) -> None:
    late = boundary("late", "t", on_duration("PT1H")) + job("instead")
    await run.deploy(line(job("t"), job("after"), more=late + flow("late", "instead")))
    await run.create()
    await run.do("t")
    await run.job("after")


@scenario("a timer interrupts a sub-process with all that waits in it")
async def _(run: Run) -> None:
    box = sub("box", inner_line(job("t"), s="is", e="ie"))
    late = boundary("late", "box", on_duration("PT0.3S")) + job("instead")
    await run.deploy(line(box, more=late + flow("late", "instead")))
    await run.create()
    await run.do("instead")
    await run.waiting_jobs("t")


@scenario("of two timers the earlier wins")
async def _(run: Run) -> None:
    soon = boundary("soon", "t", on_duration("PT0.2S")) + job("a")
    late = boundary("late", "t", on_duration("PT1H")) + job("b")
    await run.deploy(line(job("t"), more=soon + late + flow("soon", "a") + flow("late", "b")))
    await run.create()
    await run.do("a")


@scenario("cancelling an instance cancels its timers")
async def _(run: Run) -> None:
    await run.deploy(line(catch("w", on_duration("PT1H"))))
    await run.create()
    await run.at("w")
    await run.cancel()
