"""Creating, awaiting and cancelling instances, versions and deletion (engine.md 8, 9 and 12)."""

from __future__ import annotations

from tests.building import (
    bpmn,
    catch,
    end,
    flow,
    gateway,
    inputs,
    job,
    message,
    on_message,
    script,
    start,
    sub,
)
from tests.oracle.models import inner_line, line, task
from tests.oracle.run import Run
from tests.oracle.scenario import Difference, scenario


@scenario("an unknown process, version or definition is not found")
async def _(run: Run) -> None:
    await run.deploy(task())
    await run.create(process="nobody")
    await run.create(version=2)
    await run.create(version=0)
    await run.create(version=-2)
    await run.create(definition=2251799813685249 + 10**12)
    await run.create(process="")


@scenario("a process is created by its key")
async def _(run: Run) -> None:
    await run.deploy(task())
    await run.create({"a": 1}, definition=run.definition)
    await run.do("t")


@scenario("the latest version is created, or the one that is named")
async def _(run: Run) -> None:
    await run.deploy(line(job("old")), name="file")
    await run.deploy(line(job("new")), name="file")
    await run.create()
    await run.do("new")
    await run.create(version=1)
    await run.do("old")


@scenario("an awaited result has all variables of the root")
async def _(run: Run) -> None:
    await run.deploy(task())
    waiting = run.create_with_result({"a": 1})
    await run.do("t", {"b": [1, {"c": None}]})
    await run.answer(waiting)


@scenario(
    "an awaited instance that is cancelled answers so",
    alone=True,
    differs=Difference(
        why="An awaited instance that is cancelled",
        zeebe=("result: DEADLINE_EXCEEDED",),
        ours=("result: ABORTED",),
    ),
)
async def _(run: Run) -> None:
    await run.deploy(task())
    waiting = run.create_with_result(timeout_ms=4_000)
    one = await run.job("t")
    await run.cancel(one.instance_key)
    await run.answer(waiting)


@scenario("an awaited instance that takes too long goes on", alone=True)
async def _(run: Run) -> None:
    await run.deploy(task())
    waiting = run.create_with_result(timeout_ms=300)
    await run.job("t")
    await run.answer(waiting)


@scenario("an unknown process cannot be awaited")
async def _(run: Run) -> None:
    await run.result(process="nobody")


@scenario("unknown and ended instances cannot be cancelled")
async def _(run: Run) -> None:
    await run.deploy(task())
    await run.create()
    await run.do("t")
    await run.over()
    await run.cancel()
    for key in (2251799813685249 + 10**12, 2251799813685249 + 10**13):
        await run.cancel(key)


@scenario("an instance is cancelled once")
async def _(run: Run) -> None:
    await run.deploy(task())
    await run.create()
    await run.at("t")
    await run.cancel()
    await run.cancel()


@scenario("cancelling ends tokens in every state")
async def _(run: Run) -> None:
    body = (
        start() + gateway("parallel", "f") + job("a") + job("b", mappings=inputs(x="=assert(q, q != null)"))
    )
    body += catch("m", on_message("pay")) + gateway("parallel", "j") + end()
    await run.deploy(bpmn(body, "s>f f>a f>b f>m f>j a>j b>j m>j j>e", definitions=message("pay")))
    await run.create({"key": "1"})
    await run.incident("b")
    await run.listening("pay")
    await run.settle()
    await run.cancel()
    await run.over()


@scenario("a start instruction begins at an element")
async def _(run: Run) -> None:
    await run.deploy(line(job("a"), job("b")))
    await run.create({"x": 1}, at=["b"])
    await run.do("b")


@scenario("several start instructions begin at several elements")
async def _(run: Run) -> None:
    body = start() + gateway("parallel", "f") + job("a") + job("b") + gateway("parallel", "j") + end()
    await run.deploy(bpmn(body, "s>f f>a f>b a>j b>j j>e"))
    await run.create(at=["a", "b"])
    await run.do("a")
    await run.do("b")


@scenario("a start instruction inside a sub-process enters it")
async def _(run: Run) -> None:
    box = sub("box", inner_line(job("a"), job("b"), s="is", e="ie"))
    await run.deploy(line(box, job("after")))
    await run.create({"x": 1}, at=["b"])
    await run.do("b")
    await run.do("after")


@scenario("start instructions at unknown elements are refused")
async def _(run: Run) -> None:
    await run.deploy(task())
    await run.create(at=["nowhere"])
    await run.create(at=["s"])
    await run.create(at=["t", "nowhere"])


@scenario("start instructions inside a multi-instance are refused")
async def _(run: Run) -> None:
    from tests.building import each

    box = sub("box", inner_line(job("t"), s="is", e="ie"), inner=each("=items"))
    await run.deploy(line(box))
    await run.create({"items": [1]}, at=["t"])
    await run.create({"items": [1]}, at=["box"])


@scenario("a start instruction at a gateway decides there")
async def _(run: Run) -> None:
    body = start() + job("t") + gateway("exclusive", "g", default="g_b") + job("a") + job("b") + end()
    await run.deploy(bpmn(body + flow("g", "a", "x") + flow("g", "b"), "s>t t>g a>e b>e"))
    await run.create({"x": True}, at=["g"])
    await run.do("a")


@scenario("a process of events only passes at once")
async def _(run: Run) -> None:
    await run.deploy(line(script("calc", "1 + 1", "two")))
    await run.result()


@scenario("setting variables of what does not exist is refused")
async def _(run: Run) -> None:
    await run.deploy(task())
    instance = await run.create()
    await run.set(2251799813685249 + 10**12, {"a": 1})
    await run.set(instance, "[1]")
    await run.set(instance, "nonsense")
    await run.set(instance, "null")
    await run.set(instance, {})
    await run.set(instance, {"a": 1})


@scenario("variables of an ended instance cannot be set")
async def _(run: Run) -> None:
    await run.deploy(task())
    instance = await run.create()
    one = await run.do("t")
    await run.over()
    await run.set(instance, {"a": 1})
    await run.set(one.element_key, {"a": 1})


@scenario("a deleted definition cannot be created, the one before is the latest again")
async def _(run: Run) -> None:
    await run.deploy(line(job("old")), name="file")
    await run.deploy(line(job("new")), name="file")
    newest = run.definition
    await run.delete(newest)
    await run.create(definition=newest)
    await run.create(version=2)
    await run.create()
    await run.do("old")


@scenario("a definition with running instances cannot be deleted")
async def _(run: Run) -> None:
    await run.deploy(task())
    await run.create()
    await run.at("t")
    await run.delete(run.definition)
    await run.do("t")


@scenario("version numbers are never used again")
async def _(run: Run) -> None:
    await run.deploy(line(job("old")), name="file")
    await run.deploy(line(job("new")), name="file")
    await run.delete(run.definition)
    await run.deploy(line(job("newest")), name="file")
    await run.create()
    await run.do("newest")


@scenario("unknown resources cannot be deleted")
async def _(run: Run) -> None:
    for key in (2251799813685249 + 10**12, 2251799813685249 + 10**13):
        await run.delete(key)
