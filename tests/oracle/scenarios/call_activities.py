"""Call activities (engine.md 7)."""

from __future__ import annotations

from tests.building import boundary, call, end, file, flow, inputs, io, job, on_duration, outputs, script
from tests.oracle.models import line, line_process
from tests.oracle.run import Run
from tests.oracle.scenario import Difference, scenario


def calling(called: str, *, after: bool = True) -> bytes:
    """`p` calls `child`, whose job is `t`; then comes the job `after`."""
    parent = line_process(called, *((job("after"),) if after else ()), id="p")
    return file(parent, line_process(job("t"), id="child"))


@scenario("a called process gets all variables and hands all back")
async def _(run: Run) -> None:
    await run.deploy(calling(call("c", "child")))
    await run.create({"a": 1, "b": 2})
    await run.do("t", {"b": 3, "c": 4})
    await run.do("after")


SAME_VALUE = "A value that a local variable has already"


@scenario(
    "without propagation to the child it gets only the inputs",
    differs=Difference(
        why=SAME_VALUE,
        zeebe=(
            "job #4 after at after of p version 1, retries 3, headers {}, worker worker,"
            ' variables {"a": 1, "b": 2, "c": 4, "x": 2}',
            'variables of p: {"a": 1, "b": 2, "c": 4, "x": 2}',
        ),
        ours=(
            "job #4 after at after of p version 1, retries 3, headers {}, worker worker,"
            ' variables {"a": 1, "b": 2, "c": 4}',
            'variables of p: {"a": 1, "b": 2, "c": 4}',
        ),
    ),
)
async def _(run: Run) -> None:
    await run.deploy(calling(call("c", "child", parent=False, mappings=inputs(x="=a + 1"))))
    await run.create({"a": 1, "b": 2})
    await run.do("t", {"c": 4})
    await run.do("after")


@scenario("without propagation to the parent only the outputs come back")
async def _(run: Run) -> None:
    await run.deploy(calling(call("c", "child", child=False, mappings=outputs(x="=c + 1"))))
    await run.create({"a": 1})
    await run.do("t", {"a": 2, "c": 4})
    await run.do("after")


@scenario("without propagation and outputs nothing comes back")
async def _(run: Run) -> None:
    await run.deploy(calling(call("c", "child", child=False)))
    await run.create({"a": 1})
    await run.do("t", {"a": 2, "c": 4})
    await run.do("after")


@scenario(
    "inputs and propagation together",
    differs=Difference(
        why=SAME_VALUE,
        zeebe=(
            "job #4 after at after of p version 1, retries 3, headers {}, worker worker,"
            ' variables {"a": 11, "b": 3, "c": 4}',
            'variables of p: {"a": 11, "b": 3, "c": 4}',
        ),
        ours=(
            "job #4 after at after of p version 1, retries 3, headers {}, worker worker,"
            ' variables {"a": 1, "b": 3, "c": 4}',
            'variables of p: {"a": 1, "b": 3, "c": 4}',
        ),
    ),
)
async def _(run: Run) -> None:
    await run.deploy(calling(call("c", "child", mappings=inputs(a="=a + 10", x="=1"))))
    await run.create({"a": 1, "b": 2})
    await run.do("t", {"x": 2, "b": 3, "c": 4})
    await run.do("after")


@scenario("outputs and propagation together")
async def _(run: Run) -> None:
    await run.deploy(calling(call("c", "child", mappings=outputs(y="=c + 1"))))
    await run.create({"a": 1})
    await run.do("t", {"a": 2, "c": 4})
    await run.do("after")


@scenario("the called process may be named by an expression")
async def _(run: Run) -> None:
    await run.deploy(calling(call("c", "=kind + suffix")))
    await run.create({"kind": "child", "suffix": run.suffix})
    await run.do("t")
    await run.do("after")


@scenario("the latest version is called")
async def _(run: Run) -> None:
    await run.deploy(line(call("c", "child")))
    await run.deploy(line(job("old"), id="child"), name="child")
    await run.deploy(line(job("new"), id="child"), name="child")
    await run.create()
    await run.do("new")


@scenario("cancelling the caller cancels what it called")
async def _(run: Run) -> None:
    await run.deploy(calling(call("c", "child")))
    await run.create()
    one = await run.job("t")
    await run.cancel()
    await run.over()
    await run.complete(one)


@scenario("a called instance cannot be cancelled by itself")
async def _(run: Run) -> None:
    await run.deploy(calling(call("c", "child")))
    await run.create()
    one = await run.job("t")
    await run.cancel(one.instance_key)
    await run.complete(one)
    await run.do("after")


@scenario("calls nest")
async def _(run: Run) -> None:
    middle = line_process(call("c2", "child"), id="middle")
    parent = line_process(call("c", "middle"), id="p")
    await run.deploy(file(parent, middle, line_process(job("t"), id="child")))
    await run.create({"a": 1})
    await run.do("t", {"b": 2})
    await run.over()


@scenario("a timer interrupts a call and ends what was called")
async def _(run: Run) -> None:
    late = boundary("late", "c", on_duration("PT0.3S")) + job("instead") + flow("late", "instead")
    parent = line_process(call("c", "child"), id="p", more=late)
    await run.deploy(file(parent, line_process(job("t"), id="child")))
    await run.create()
    await run.do("instead")
    await run.waiting_jobs("t")


@scenario("a called process that needs nobody returns at once")
async def _(run: Run) -> None:
    child = line_process(script("calc", "a * 2", "b"), id="child")
    await run.deploy(file(line_process(call("c", "child"), id="p"), child))
    await run.result({"a": 21})


@scenario("an incident in the called process is resolved there")
async def _(run: Run) -> None:
    await run.deploy(calling(call("c", "child")))
    await run.create()
    one = await run.job("t")
    await run.fail(one, 0)
    incident = await run.incident("t")
    await run.set_retries(one, 1)
    await run.resolve(incident)
    await run.do("t")
    await run.do("after")


@scenario("a failing output mapping of a call is the caller's incident")
async def _(run: Run) -> None:
    await run.deploy(calling(call("c", "child", mappings=outputs(x="=assert(a, a > 1)"))))
    instance = await run.create({"a": 1})
    await run.do("t")
    incident = await run.incident("c")
    await run.set(instance, {"a": 2})
    await run.resolve(incident)
    await run.rest()


@scenario("outputs of the called process' end event come back")
async def _(run: Run) -> None:
    from tests.building import process, start

    ending = end("ce", io=io(outputs(done="=a + 1")))
    child = process(start("cs") + ending, "cs>ce", id="child")
    await run.deploy(file(line_process(call("c", "child"), id="p"), child))
    await run.result({"a": 1})
