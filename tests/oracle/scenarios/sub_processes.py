"""Embedded sub-processes (engine.md 7)."""

from __future__ import annotations

from tests.building import bpmn, end, gateway, inputs, job, outputs, start, sub, terminate
from tests.oracle.models import inner_line, line
from tests.oracle.run import Run
from tests.oracle.scenario import scenario


def box(*elements: str, mappings: str = "") -> str:
    return sub("box", inner_line(*elements, s="is", e="ie"), mappings=mappings)


@scenario("a sub-process completes when its last token has ended")
async def _(run: Run) -> None:
    body = start("is") + gateway("parallel", "f") + job("a") + job("b") + end("ie")
    await run.deploy(line(sub("box", body, "is>f f>a f>b a>ie b>ie"), job("after")))
    await run.create()
    await run.do("a")
    await run.waiting_jobs("after")
    await run.do("b")
    await run.do("after")


@scenario("an empty sub-process passes at once")
async def _(run: Run) -> None:
    await run.deploy(line(box()))
    await run.result({"a": 1})


@scenario("terminating inside a sub-process ends only that")
async def _(run: Run) -> None:
    body = start("is") + gateway("parallel", "f") + job("a") + job("b") + terminate("stop") + end("ie")
    await run.deploy(line(sub("box", body, "is>f f>a f>b a>stop b>ie"), job("after")))
    await run.create()
    await run.at("b")
    await run.do("a")
    await run.do("after")


@scenario("inputs of a sub-process are seen inside and gone outside")
async def _(run: Run) -> None:
    await run.deploy(line(box(job("t"), mappings=inputs(x="=a * 2")), job("after")))
    await run.create({"a": 2})
    await run.do("t", {"x": 9, "y": 1})
    await run.do("after")


@scenario("outputs of a sub-process come from its own scope")
async def _(run: Run) -> None:
    mappings = inputs(x="=a") + outputs(sum="=x + y")
    await run.deploy(line(box(job("t"), mappings=mappings), job("after")))
    await run.create({"a": 2, "y": 0})
    await run.do("t", {"x": 5, "y": 10})
    await run.do("after")


@scenario("sub-processes nest")
async def _(run: Run) -> None:
    inner = sub("inner", inner_line(job("t"), s="iis", e="iie"), mappings=inputs(depth="=depth + 1"))
    await run.deploy(line(box(inner, mappings=inputs(depth="=depth + 1")), job("after")))
    await run.create({"depth": 0})
    await run.do("t")
    await run.do("after")


@scenario("a failing input mapping of a sub-process is its incident")
async def _(run: Run) -> None:
    await run.deploy(line(box(job("t"), mappings=inputs(x="=assert(a, a > 1)"))))
    instance = await run.create({"a": 1})
    incident = await run.incident("box")
    await run.set(instance, {"a": 2})
    await run.resolve(incident)
    await run.do("t")


@scenario("a failing output mapping of a sub-process is its incident")
async def _(run: Run) -> None:
    await run.deploy(line(box(job("t"), mappings=outputs(x="=assert(a, a > 1)")), job("after")))
    instance = await run.create({"a": 1})
    await run.do("t")
    incident = await run.incident("box")
    await run.set(instance, {"a": 2})
    await run.resolve(incident)
    await run.do("after")


@scenario("cancelling an instance ends its sub-processes and their jobs")
async def _(run: Run) -> None:
    inner = sub("inner", inner_line(job("t"), s="iis", e="iie"))
    await run.deploy(line(box(inner)))
    await run.create()
    one = await run.job("t")
    await run.cancel()
    await run.over()
    await run.complete(one)


@scenario("a sub-process may be entered again")
async def _(run: Run) -> None:
    from tests.building import flow

    body = start() + gateway("exclusive", "top") + box(job("t"), mappings=inputs(n="=round"))
    again = (
        gateway("exclusive", "again", default="again_e")
        + end()
        + flow("again", "top", "more")
        + flow("again", "e")
    )
    await run.deploy(bpmn(body + again, "s>top top>box box>again"))
    await run.create({"round": 1, "more": True})
    await run.do("t", {"round": 2})
    await run.do("t", {"more": False})
