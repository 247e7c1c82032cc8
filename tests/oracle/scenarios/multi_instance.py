"""Multi-instance activities (engine.md 7 and 12)."""

from __future__ import annotations

from tests.building import (
    boundary,
    call,
    each,
    file,
    flow,
    inputs,
    job,
    message,
    on_duration,
    on_message,
    outputs,
    receive,
    script,
    sub,
)
from tests.oracle.models import inner_line, line, line_process
from tests.oracle.run import Run
from tests.oracle.scenario import Difference, scenario


def many(marker: str, mappings: str = "") -> bytes:
    return line(job("t", inner=marker, mappings=mappings), job("after"))


@scenario("a parallel one makes a job for each item")
async def _(run: Run) -> None:
    await run.deploy(many(each("=items")))
    await run.create({"items": ["a", "b", "c"]})
    for one in await run.jobs("t", 3):
        await run.complete(one)
    await run.do("after")


@scenario("a sequential one makes a job after the other")
async def _(run: Run) -> None:
    await run.deploy(many(each("=items", sequential=True)))
    await run.create({"items": ["a", "b"]})
    await run.do("t")
    await run.do("t")
    await run.do("after")


@scenario("outputs are collected in the order of the items")
async def _(run: Run) -> None:
    await run.deploy(many(each("=items", collect=("results", "=r"))))
    await run.create({"items": [1, 2, 3]})
    for one in reversed(await run.jobs("t", 3, fetch=["item"])):
        await run.complete(one, {"r": one.variables["item"] * 10})
    await run.do("after")


@scenario("sequential outputs are collected too")
async def _(run: Run) -> None:
    await run.deploy(many(each("=items", collect=("results", "=r"), sequential=True)))
    await run.create({"items": [1, 2]})
    await run.do("t", {"r": 10}, fetch=["item"])
    await run.do("t", {"r": 20}, fetch=["item"])
    await run.do("after")


@scenario("an item without output is null")
async def _(run: Run) -> None:
    await run.deploy(many(each("=items", collect=("results", "=r"))))
    await run.create({"items": [1, 2]})
    first, second = await run.jobs("t", 2, fetch=["item"])
    await run.complete(second, {"r": 2})
    await run.complete(first)
    await run.do("after")


@scenario("an empty collection passes at once")
async def _(run: Run) -> None:
    await run.deploy(many(each("=items", collect=("results", "=r"))))
    await run.create({"items": []})
    await run.do("after")


@scenario("an empty collection passes at once one after the other, too")
async def _(run: Run) -> None:
    await run.deploy(many(each("=items", sequential=True)))
    await run.create({"items": []})
    await run.do("after")


@scenario("something that is no list is an incident")
async def _(run: Run) -> None:
    await run.deploy(many(each("=items")))
    instance = await run.create({"items": 3})
    incident = await run.incident("t")
    await run.settle()
    await run.set(instance, {"items": [1]})
    await run.resolve(incident)
    await run.do("t")
    await run.do("after")


@scenario("a completion condition ends what is left")
async def _(run: Run) -> None:
    await run.deploy(many(each("=items", until="enough = true")))
    await run.create({"items": [1, 2, 3]})
    jobs = await run.jobs("t", 3)
    await run.complete(jobs[1], {"enough": True})
    await run.do("after")
    await run.complete(jobs[0])


@scenario("a completion condition may count")
async def _(run: Run) -> None:
    marker = each("=items", until="numberOfCompletedInstances >= 2", collect=("results", "=item"))
    await run.deploy(many(marker))
    await run.create({"items": [1, 2, 3]})
    jobs = await run.jobs("t", 3, fetch=["item"])
    await run.complete(jobs[2])
    await run.complete(jobs[0])
    await run.do("after")


@scenario("all counters can be asked in a completion condition")
async def _(run: Run) -> None:
    text = (
        "numberOfInstances = 3 and numberOfActiveInstances = 2 and numberOfCompletedInstances = 1"
        " and numberOfTerminatedInstances = 0"
    )
    await run.deploy(many(each("=items", until=text)))
    await run.create({"items": [1, 2, 3]})
    jobs = await run.jobs("t", 3)
    await run.complete(jobs[0])
    await run.do("after")


@scenario("a sequential one stops when its condition holds")
async def _(run: Run) -> None:
    await run.deploy(many(each("=items", sequential=True, until="enough")))
    await run.create({"items": [1, 2, 3], "enough": False})
    await run.do("t", {"enough": False})
    await run.do("t", {"enough": True})
    await run.do("after")


@scenario("each child knows its item and its number")
async def _(run: Run) -> None:
    await run.deploy(many(each("=items", "thing"), inputs(where="=loopCounter", what="=thing.name")))
    await run.create({"items": [{"name": "x"}, {"name": "y"}]})
    for one in await run.jobs("t", 2):
        await run.complete(one)
    await run.do("after")


@scenario("output mappings of a child go to the body's scope or beyond")
async def _(run: Run) -> None:
    await run.deploy(many(each("=items", collect=("results", "=out")), outputs(out="=r * 2", last="=item")))
    await run.create({"items": [1, 2]})
    for one in await run.jobs("t", 2, fetch=["item"]):
        await run.complete(one, {"r": one.variables["item"]})
    await run.do("after")


@scenario("a sub-process may be done for each item")
async def _(run: Run) -> None:
    inner = inner_line(job("t"), s="is", e="ie")
    await run.deploy(
        line(sub("box", inner, inner=each("=items", collect=("results", "=item + 1"))), job("after"))
    )
    await run.create({"items": [1, 2]})
    for one in await run.jobs("t", 2, fetch=["item"]):
        await run.complete(one, {"x": one.variables["item"]})
    await run.do("after")


@scenario(
    "a process may be called for each item",
    differs=Difference(
        why="A value that a local variable has already",
        zeebe=(
            "job #5 after at after of p version 1, retries 3, headers {}, worker worker,"
            ' variables {"item": 2, "items": [1, 2], "loopCounter": 2, "results": [null, 3]}',
            'variables of child: {"item": 1, "items": [1, 2], "loopCounter": 1, "r": 2,'
            ' "results": [null, null]}',
            'variables of child: {"item": 2, "items": [1, 2], "loopCounter": 2, "r": 3,'
            ' "results": [null, null]}',
            'variables of p: {"item": 2, "items": [1, 2], "loopCounter": 2, "results": [null, 3]}',
        ),
        ours=(
            "job #5 after at after of p version 1, retries 3, headers {}, worker worker,"
            ' variables {"items": [1, 2], "results": [2, 3]}',
            'variables of child: {"item": 1, "items": [1, 2], "loopCounter": 1, "r": 2}',
            'variables of child: {"item": 2, "items": [1, 2], "loopCounter": 2, "r": 3}',
            'variables of p: {"items": [1, 2], "results": [2, 3]}',
        ),
    ),
)
async def _(run: Run) -> None:
    called = call("c", "child", inner=each("=items", collect=("results", "=r")))
    parent = line_process(called, job("after"), id="p")
    await run.deploy(file(parent, line_process(job("t"), id="child")))
    await run.create({"items": [1, 2]})
    for one in await run.jobs("t", 2, fetch=["item"]):
        await run.complete(one, {"r": one.variables["item"] + 1})
    await run.do("after")


@scenario("a timer interrupts all children")
async def _(run: Run) -> None:
    late = boundary("late", "t", on_duration("PT0.4S")) + job("instead") + flow("late", "instead")
    await run.deploy(line(job("t", inner=each("=items")), more=late))
    await run.create({"items": [1, 2]})
    await run.do("instead")
    await run.waiting_jobs("t")


@scenario("receive tasks for each item wait for a message each")
async def _(run: Run) -> None:
    definition = message("pay", "=item")
    await run.deploy(line(receive("r", "pay", inner=each("=items")), job("after"), definitions=definition))
    await run.create({"items": ["x", "y"]})
    await run.listening("pay", 2)
    await run.publish("pay", "y")
    await run.publish("pay", "x")
    await run.do("after")


@scenario("a message interrupts the body")
async def _(run: Run) -> None:
    stop = boundary("b", "t", on_message("stop")) + job("instead") + flow("b", "instead")
    await run.deploy(line(job("t", inner=each("=items")), more=stop, definitions=message("stop")))
    await run.create({"items": [1, 2], "key": "1"})
    jobs = await run.jobs("t", 2)
    await run.complete(jobs[0])
    await run.listening("stop")
    await run.publish("stop", "1")
    await run.do("instead")


@scenario("a script for each item collects its values")
async def _(run: Run) -> None:
    await run.deploy(
        line(script("calc", "item * item", "square", inner=each("=items", collect=("squares", "=square"))))
    )
    await run.result({"items": [1, 2, 3]})


@scenario("the items may be computed")
async def _(run: Run) -> None:
    await run.deploy(many(each("=for i in 1..n return i * 2")))
    await run.create({"n": 2})
    for one in await run.jobs("t", 2):
        await run.complete(one)
    await run.do("after")


@scenario("cancelling ends the body and all children")
async def _(run: Run) -> None:
    await run.deploy(many(each("=items")))
    await run.create({"items": [1, 2, 3]})
    jobs = await run.jobs("t", 3)
    await run.complete(jobs[0])
    await run.cancel()
    await run.over()


@scenario("an incident of one child leaves the others alone")
async def _(run: Run) -> None:
    await run.deploy(many(each("=items")))
    await run.create({"items": [1, 2]})
    first, second = await run.jobs("t", 2)
    await run.fail(first, 0)
    incident = await run.incident("t")
    await run.complete(second)
    await run.settle()
    await run.set_retries(first, 1)
    await run.resolve(incident)
    await run.do("t")
    await run.do("after")


@scenario("a failing output element is an incident")
async def _(run: Run) -> None:
    await run.deploy(many(each("=items", collect=("results", "=assert(r, r > 1)"))))
    instance = await run.create({"items": [1], "r": 1})
    await run.do("t", fetch=["item"])
    incident = await run.incident("t")
    await run.set(instance, {"r": 2})
    await run.resolve(incident)
    await run.do("after")


@scenario(
    "the collection of results while it grows",
    differs=Difference(
        why="Collected results are not seen before the last one",
        zeebe=(
            "job #2 t at t of p version 1, retries 3, headers {}, worker worker,"
            ' variables {"item": 1, "items": [1], "loopCounter": 1, "r": null, "results": [null]}',
            'variables of t: {"results": [null]}',
        ),
        ours=(
            "job #2 t at t of p version 1, retries 3, headers {}, worker worker,"
            ' variables {"item": 1, "items": [1], "loopCounter": 1, "r": null}',
        ),
    ),
)
async def _(run: Run) -> None:
    await run.deploy(many(each("=items", collect=("results", "=r"))))
    await run.create({"items": [1]})
    await run.job("t")
