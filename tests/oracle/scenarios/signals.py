"""Signals (engine.md 6)."""

from __future__ import annotations

from tests.building import boundary, bpmn, catch, element, end, flow, gateway, io, job, outputs, start, sub
from tests.oracle.models import inner_line, line, on_signal, signal
from tests.oracle.run import Run
from tests.oracle.scenario import scenario


def catching() -> bytes:
    return line(catch("c", on_signal("alarm")), job("t"), definitions=signal("alarm"))


@scenario("a signal reaches everybody who waits for it")
async def _(run: Run) -> None:
    await run.deploy(catching())
    await run.create({"n": 1})
    await run.create({"n": 2})
    await run.at("c", 2)
    await run.rest()
    await run.broadcast("alarm", {"loud": True})
    for one in await run.jobs("t", 2):
        await run.complete(one)


@scenario("a signal is not kept for those who come later")
async def _(run: Run) -> None:
    await run.deploy(catching())
    await run.broadcast("alarm")
    await run.create()
    await run.at("c")


@scenario("a signal nobody knows is accepted")
async def _(run: Run) -> None:
    await run.broadcast("alarm", {"a": 1})
    await run.broadcast("alarm", "[1]")


@scenario("a signal starts a process")
async def _(run: Run) -> None:
    await run.deploy(
        bpmn(start("s", on_signal("alarm")) + job("t") + end(), "s>t t>e", definitions=signal("alarm"))
    )
    await run.broadcast("alarm", {"loud": True})
    await run.do("t")


@scenario("a signal interrupts a task")
async def _(run: Run) -> None:
    stop = (
        boundary("b", "t", on_signal("alarm"), io=io(outputs(why="=reason")))
        + job("instead")
        + flow("b", "instead")
    )
    await run.deploy(line(job("t"), more=stop, definitions=signal("alarm")))
    await run.create()
    await run.job("t")
    await run.broadcast("alarm", {"reason": "fire", "other": 1})
    await run.do("instead")


@scenario("a signal that does not interrupt comes again")
async def _(run: Run) -> None:
    tell = boundary("b", "t", on_signal("alarm"), interrupting=False) + job("note") + flow("b", "note")
    await run.deploy(line(job("t"), more=tell, definitions=signal("alarm")))
    await run.create()
    one = await run.job("t")
    for number in (1, 2):
        await run.broadcast("alarm", {"n": number})
        await run.do("note")
    await run.complete(one)


@scenario("a process throws a signal others catch")
async def _(run: Run) -> None:
    await run.deploy(catching())
    thrower = line(
        element("intermediateThrowEvent", "th", on_signal("alarm")),
        job("u"),
        id="q",
        definitions=signal("alarm"),
    )
    await run.deploy(thrower)
    await run.create({"a": 1})
    await run.at("c")
    await run.rest()
    await run.create({"b": 1}, process="q")
    await run.do("u")
    await run.do("t")


@scenario("a process ends with a signal")
async def _(run: Run) -> None:
    await run.deploy(catching())
    thrower = bpmn(start() + end("e", on_signal("alarm")), "s>e", id="q", definitions=signal("alarm"))
    await run.deploy(thrower)
    await run.create()
    await run.at("c")
    await run.rest()
    await run.create(process="q")
    await run.do("t")


@scenario("an event-based gateway may wait for signals")
async def _(run: Run) -> None:
    body = (
        start() + gateway("eventBased", "g") + catch("a", on_signal("alarm")) + catch("b", on_signal("calm"))
    )
    model = bpmn(
        body + job("ja") + job("jb") + end(),
        "s>g g>a g>b a>ja b>jb ja>e jb>e",
        definitions=signal("alarm") + signal("calm"),
    )
    await run.deploy(model)
    await run.create()
    await run.at("g")
    await run.rest()
    await run.broadcast("calm", {"x": 1})
    await run.do("jb")


@scenario("a signal interrupts a sub-process")
async def _(run: Run) -> None:
    box = sub("box", inner_line(job("t"), s="is", e="ie"))
    await run.deploy(
        line(
            box,
            more=boundary("b", "box", on_signal("alarm")) + end("b_end") + flow("b", "b_end"),
            definitions=signal("alarm"),
        )
    )
    await run.create()
    await run.job("t")
    await run.broadcast("alarm", {"x": 1})
    await run.over()
