"""Gateways: exclusive, parallel, inclusive (engine.md 7)."""

from __future__ import annotations

from tests.building import bpmn, end, flow, gateway, job, script, start, terminate
from tests.oracle.run import Run
from tests.oracle.scenario import Difference, scenario


def choice(
    kind: str, default: str | None = None, *, a: str | None = "x > 1", b: str | None = "x > 2"
) -> bytes:
    """s > g > (a | b | c); `default` names a flow."""
    body = start() + gateway(kind, "g", default=default) + job("a") + job("b") + job("c") + end()
    flows = flow("g", "a", a) + flow("g", "b", b) + flow("g", "c", None if default else "x > 3")
    return bpmn(body + flows, "s>g a>e b>e c>e")


@scenario("the only true flow is taken")
async def _(run: Run) -> None:
    await run.deploy(choice("exclusive"))
    await run.create({"x": 2})
    await run.do("a")


@scenario("the default flow is taken when no condition holds")
async def _(run: Run) -> None:
    await run.deploy(choice("exclusive", "g_c"))
    await run.create({"x": 1})
    await run.do("c")


@scenario(
    "of several true flows one is taken",
    differs=Difference(
        why="The first true flow of an exclusive gateway",
        zeebe=("b: ACTIVE", "job b at b: OPEN, retries 3"),
        ours=("a: ACTIVE", "job a at a: OPEN, retries 3"),
    ),
)
async def _(run: Run) -> None:
    await run.deploy(choice("exclusive"))
    await run.create({"x": 3})
    await run.rest()


@scenario("a parallel split and join wait for every branch")
async def _(run: Run) -> None:
    body = (
        start() + gateway("parallel", "f") + job("a") + job("b") + gateway("parallel", "j") + job("c") + end()
    )
    await run.deploy(bpmn(body, "s>f f>a f>b a>j b>j j>c c>e"))
    await run.create()
    await run.do("a", {"a": 1})
    await run.waiting_jobs("c")
    await run.settle()
    await run.do("b", {"b": 2})
    await run.do("c")


@scenario("branches without a join run by themselves to their ends")
async def _(run: Run) -> None:
    body = start() + gateway("parallel", "f") + job("a") + job("b") + end("e") + end("e2")
    await run.deploy(bpmn(body, "s>f f>a f>b a>e b>e2"))
    await run.create()
    await run.do("b")
    await run.passed("e2")
    await run.do("a")


@scenario("branches that meet in a task go through it one by one")
async def _(run: Run) -> None:
    body = start() + gateway("parallel", "f") + job("a") + job("b") + job("c") + end()
    await run.deploy(bpmn(body, "s>f f>a f>b a>c b>c c>e"))
    await run.create()
    await run.do("a")
    await run.do("b")
    for one in await run.jobs("c", 2):
        await run.complete(one)


@scenario("several flows out of a task are all taken")
async def _(run: Run) -> None:
    body = start() + job("t") + job("a") + job("b") + end()
    await run.deploy(bpmn(body, "s>t t>a t>b a>e b>e"))
    await run.create()
    await run.do("t")
    await run.do("a")
    await run.do("b")


@scenario("an inclusive gateway takes every true flow")
async def _(run: Run) -> None:
    await run.deploy(choice("inclusive"))
    await run.create({"x": 3})
    await run.do("a")
    await run.do("b")


@scenario("an inclusive gateway takes its default when nothing is true")
async def _(run: Run) -> None:
    await run.deploy(choice("inclusive", "g_c"))
    await run.create({"x": 0})
    await run.do("c")


@scenario("an inclusive gateway does not take its default beside a true flow")
async def _(run: Run) -> None:
    await run.deploy(choice("inclusive", "g_c"))
    await run.create({"x": 2})
    await run.do("a")


@scenario("an inclusive gateway without a true flow is an incident")
async def _(run: Run) -> None:
    await run.deploy(choice("inclusive"))
    instance = await run.create({"x": 0})
    incident = await run.incident("g")
    await run.set(instance, {"x": 4})
    await run.resolve(incident)
    for name in "abc":
        await run.do(name)


@scenario("a loop by an exclusive gateway runs until its condition fails")
async def _(run: Run) -> None:
    body = (
        start()
        + gateway("exclusive", "top")
        + script("count", "if n = null then 1 else n + 1", "n")
        + gateway("exclusive", "again", default="again_e")
        + end()
        + flow("again", "top", "n < 5")
        + flow("again", "e")
    )
    await run.deploy(bpmn(body, "s>top top>count count>again"))
    await run.result({"n": 0})


@scenario("a loop with jobs hands out a new one in each round")
async def _(run: Run) -> None:
    body = (
        start()
        + gateway("exclusive", "top")
        + job("t")
        + gateway("exclusive", "again", default="again_e")
        + end()
    )
    flows = flow("again", "top", "more") + flow("again", "e")
    await run.deploy(bpmn(body + flows, "s>top top>t t>again"))
    await run.create()
    await run.do("t", {"more": True})
    await run.do("t", {"more": True})
    await run.do("t", {"more": False})


@scenario("a parallel join in a loop joins anew in each round")
async def _(run: Run) -> None:
    body = (
        start()
        + gateway("exclusive", "top")
        + gateway("parallel", "f")
        + job("a")
        + job("b")
        + gateway("parallel", "j")
        + gateway("exclusive", "again", default="again_e")
        + end()
        + flow("again", "top", "more")
        + flow("again", "e")
    )
    await run.deploy(bpmn(body, "s>top top>f f>a f>b a>j b>j j>again"))
    await run.create()
    for more in (True, False):
        await run.do("a", {"more": more})
        await run.do("b")


@scenario("a terminate end event ends every branch")
async def _(run: Run) -> None:
    body = start() + gateway("parallel", "f") + job("a") + job("b") + terminate("stop") + end()
    await run.deploy(bpmn(body, "s>f f>a f>b a>stop b>e"))
    await run.create()
    other = await run.job("b")
    await run.do("a")
    await run.over()
    await run.complete(other)


@scenario("nested splits join inside out")
async def _(run: Run) -> None:
    body = (
        start()
        + gateway("parallel", "f")
        + gateway("parallel", "ff")
        + job("a")
        + job("b")
        + job("c")
        + gateway("parallel", "jj")
        + gateway("parallel", "j")
        + end()
    )
    await run.deploy(bpmn(body, "s>f f>ff f>c ff>a ff>b a>jj b>jj jj>j c>j j>e"))
    await run.create()
    for name in "cba":
        await run.do(name, {name: 1})
    await run.over()


@scenario("a condition sees the variables around it")
async def _(run: Run) -> None:
    conditions = {"a": 'order.kind = "air" and sum(order.weights) > 10', "b": "count(order.weights) = 2"}
    await run.deploy(choice("inclusive", "g_c", **conditions))
    await run.create({"order": {"kind": "air", "weights": [5, 6]}})
    await run.do("a")
    await run.do("b")


@scenario("an inclusive join waits for the branches that were taken")
async def _(run: Run) -> None:
    body = (
        start()
        + gateway("inclusive", "g", default="g_c")
        + job("a")
        + job("b")
        + job("c")
        + gateway("inclusive", "j")
        + end()
        + flow("g", "a", "x > 1")
        + flow("g", "b", "x > 2")
        + flow("g", "c")
    )
    await run.deploy(bpmn(body, "s>g a>j b>j c>j j>e"))
    await run.create({"x": 3})
    await run.do("a")
    await run.do("b")
    await run.over()
