"""Errors: thrown by jobs and end events, caught around them (engine.md 3 and 6)."""

from __future__ import annotations

from tests.building import (
    boundary,
    bpmn,
    call,
    catch,
    end,
    error,
    file,
    flow,
    gateway,
    inputs,
    io,
    job,
    on_duration,
    on_error,
    outputs,
    process,
    start,
    sub,
)
from tests.oracle.models import inner_line, line, line_process
from tests.oracle.run import Run
from tests.oracle.scenario import scenario


def caught(id: str, host: str, code: str | None, mappings: str = "") -> str:
    """An error boundary event with a job behind it, named `<id>_job`."""
    event = boundary(id, host, on_error(code), io=io(mappings) if mappings else "")
    return event + job(f"{id}_job") + flow(id, f"{id}_job")


def throwing_box(code: str = "E") -> str:
    """A sub-process whose end event throws."""
    return sub("box", start("is") + end("ie", on_error(code)), "is>ie")


@scenario("a boundary event catches the code its task threw")
async def _(run: Run) -> None:
    await run.deploy(line(job("t"), more=caught("b", "t", "E"), definitions=error("E")))
    await run.create({"a": 1})
    await run.throw(await run.job("t"), "E")
    await run.do("b_job")


@scenario("another code is not caught and becomes an incident")
async def _(run: Run) -> None:
    await run.deploy(line(job("t"), more=caught("b", "t", "E"), definitions=error("E")))
    await run.create()
    await run.throw(await run.job("t"), "F")
    await run.incident("t")


@scenario("an event without a code catches every error")
async def _(run: Run) -> None:
    await run.deploy(line(job("t"), more=caught("b", "t", None)))
    await run.create()
    await run.throw(await run.job("t"), "ANY")
    await run.do("b_job")


@scenario("the exact code is preferred to the one that catches all")
async def _(run: Run) -> None:
    more = caught("all", "t", None) + caught("exact", "t", "E")
    await run.deploy(line(job("t"), more=more, definitions=error("E")))
    await run.create()
    await run.throw(await run.job("t"), "E")
    await run.do("exact_job")


@scenario("the nearest catcher is preferred, even if it catches all")
async def _(run: Run) -> None:
    box = sub("box", inner_line(job("t"), s="is", e="ie") + caught("near", "t", None))
    await run.deploy(line(box, more=caught("far", "box", "E"), definitions=error("E")))
    await run.create()
    await run.throw(await run.job("t"), "E")
    await run.do("near_job")


@scenario("an error travels out of sub-processes")
async def _(run: Run) -> None:
    inner = sub("inner", inner_line(job("t"), s="iis", e="iie"))
    box = sub("box", inner_line(inner, s="is", e="ie"))
    await run.deploy(line(box, more=caught("b", "box", "E"), definitions=error("E")))
    await run.create()
    await run.throw(await run.job("t"), "E")
    await run.do("b_job")


@scenario("an error ends everything that goes on in the scope it leaves")
async def _(run: Run) -> None:
    body = start("is") + gateway("parallel", "f") + job("t") + job("u") + end("ie")
    box = sub("box", body, "is>f f>t f>u t>ie u>ie")
    await run.deploy(line(box, more=caught("b", "box", "E"), definitions=error("E")))
    await run.create()
    other = await run.job("u")
    await run.throw(await run.job("t"), "E")
    await run.do("b_job")
    await run.complete(other)


@scenario("variables of an error pass a boundary event only by its output mappings")
async def _(run: Run) -> None:
    more = caught("b", "t", "E", outputs(why="=reason"))
    await run.deploy(line(job("t"), more=more, definitions=error("E")))
    await run.create({"a": 1})
    await run.throw(await run.job("t"), "E", {"reason": "none left", "other": 1})
    await run.do("b_job")


@scenario("variables of an error without mappings")
async def _(run: Run) -> None:
    await run.deploy(line(job("t"), more=caught("b", "t", "E"), definitions=error("E")))
    await run.create({"a": 1})
    await run.throw(await run.job("t"), "E", {"reason": "none left", "a": 2})
    await run.do("b_job")


@scenario("an error end event is caught around its sub-process")
async def _(run: Run) -> None:
    await run.deploy(line(throwing_box(), more=caught("b", "box", "E"), definitions=error("E")))
    await run.create()
    await run.do("b_job")


@scenario("an error end event nobody catches is an incident")
async def _(run: Run) -> None:
    await run.deploy(line(throwing_box(), definitions=error("E")))
    await run.create()
    await run.incident("ie")


@scenario("an uncaught error end event throws again when its incident is resolved")
async def _(run: Run) -> None:
    await run.deploy(line(throwing_box(), definitions=error("E")))
    await run.create()
    await run.resolve(await run.incident("ie"))
    await run.rest()
    await run.incident("ie")


@scenario("an error travels from the called process to its caller")
async def _(run: Run) -> None:
    parent = line_process(call("c", "child"), id="p", more=caught("b", "c", "E"))
    child = line_process(job("t"), id="child")
    await run.deploy(file(parent, child, definitions=error("E")))
    await run.create()
    await run.throw(await run.job("t"), "E", {"reason": 1})
    await run.do("b_job")


@scenario("an error end event in a called process reaches its caller")
async def _(run: Run) -> None:
    parent = line_process(call("c", "child"), id="p", more=caught("b", "c", "E"))
    child = process(start("cs") + end("ce", on_error("E")), "cs>ce", id="child")
    await run.deploy(file(parent, child, definitions=error("E")))
    await run.create()
    await run.do("b_job")


@scenario("an error of one multi-instance child ends all of them")
async def _(run: Run) -> None:
    from tests.building import each

    many = job("t", inner=each("=items"))
    await run.deploy(line(many, more=caught("b", "t", "E"), definitions=error("E")))
    await run.create({"items": [1, 2, 3]})
    jobs = await run.jobs("t", 3)
    await run.throw(jobs[1], "E")
    await run.do("b_job")
    await run.complete(jobs[0])


@scenario("an error cancels the timers of its task")
async def _(run: Run) -> None:
    late = boundary("late", "t", on_duration("PT1H")) + end("late_end") + flow("late", "late_end")
    await run.deploy(line(job("t"), more=caught("b", "t", "E") + late, definitions=error("E")))
    await run.create()
    await run.throw(await run.job("t"), "E")
    await run.job("b_job")


@scenario("a thrown error may be caught again and again in a loop")
async def _(run: Run) -> None:
    event = boundary("b", "t", on_error("E"))
    body = start() + gateway("exclusive", "g") + job("t") + event + end()
    await run.deploy(bpmn(body, "s>g g>t t>e b>g", definitions=error("E")))
    await run.create()
    await run.throw(await run.job("t"), "E")
    await run.throw(await run.job("t"), "E")
    await run.do("t")


@scenario("an error code may be an expression at the end event")
async def _(run: Run) -> None:
    dynamic = '<error id="any" errorCode="=code"/>'
    box = sub("box", start("is") + end("ie", on_error("any")), "is>ie")
    await run.deploy(line(box, more=caught("b", "box", "E"), definitions=error("E") + dynamic))
    await run.create({"code": "E"})
    await run.do("b_job")


@scenario("an empty code is caught only by who catches all")
async def _(run: Run) -> None:
    await run.deploy(line(job("t"), more=caught("b", "t", None)))
    await run.create()
    await run.throw(await run.job("t"), "")
    await run.rest()


@scenario("waiting events of a scope are gone when an error leaves it")
async def _(run: Run) -> None:
    body = start("is") + gateway("parallel", "f") + job("t") + catch("w", on_duration("PT1H")) + end("ie")
    box = sub("box", body, "is>f f>t f>w t>ie w>ie", mappings=inputs(mine="=1"))
    await run.deploy(line(box, more=caught("b", "box", None)))
    await run.create()
    await run.throw(await run.job("t"), "E", {"mine": 2})
    await run.job("b_job")
