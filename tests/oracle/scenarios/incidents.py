"""Incidents: what raises which, and resolving (engine.md 4 and 12)."""

from __future__ import annotations

from tests.building import (
    bpmn,
    call,
    catch,
    end,
    flow,
    gateway,
    inputs,
    job,
    message,
    on_duration,
    on_message,
    outputs,
    script,
    start,
)
from tests.oracle.models import line, task
from tests.oracle.run import Run
from tests.oracle.scenario import scenario


@scenario("a job without retries can go on once it has some and the incident is resolved")
async def _(run: Run) -> None:
    await run.deploy(task())
    await run.create()
    one = await run.job("t")
    await run.fail(one, 0)
    incident = await run.incident("t")
    await run.set_retries(one, 2)
    await run.waiting_jobs("t")
    await run.resolve(incident)
    await run.do("t")


@scenario("resolving while the job still has no retries is refused")
async def _(run: Run) -> None:
    await run.deploy(task())
    await run.create()
    await run.fail(await run.job("t"), 0)
    await run.resolve(await run.incident("t"))
    await run.waiting_jobs("t")


@scenario("a resolved incident cannot be resolved again")
async def _(run: Run) -> None:
    await run.deploy(task())
    await run.create()
    one = await run.job("t")
    await run.fail(one, 0)
    incident = await run.incident("t")
    await run.set_retries(one, 1)
    await run.resolve(incident)
    await run.resolve(incident)


@scenario("an incident of a cancelled instance is gone")
async def _(run: Run) -> None:
    await run.deploy(task())
    await run.create()
    await run.fail(await run.job("t"), 0)
    incident = await run.incident("t")
    await run.cancel()
    await run.resolve(incident)


@scenario("a failing input mapping waits for a variable")
async def _(run: Run) -> None:
    await run.deploy(task(mappings=inputs(x="=assert(a, a != null)")))
    instance = await run.create()
    incident = await run.incident("t")
    await run.settle()
    await run.set(instance, {"a": 1})
    await run.resolve(incident)
    await run.do("t")


@scenario("an input mapping that fails again is a new incident")
async def _(run: Run) -> None:
    await run.deploy(task(mappings=inputs(x="=assert(a, a != null)")))
    await run.create()
    incident = await run.incident("t")
    await run.resolve(incident)
    await run.rest()
    await run.incident("t")
    await run.resolve(incident)


@scenario("a failing output mapping keeps the finished work")
async def _(run: Run) -> None:
    await run.deploy(task(mappings=outputs(x="=assert(b, b > 1)")))
    await run.create()
    one = await run.do("t", {"b": 1})
    incident = await run.incident("t")
    await run.settle()
    await run.set(one.element_key, {"b": 2}, local=True)
    await run.resolve(incident)
    await run.over()


@scenario("a job type that is no text is an incident")
async def _(run: Run) -> None:
    await run.deploy(line(job("t", type="=kind + suffix")))
    instance = await run.create({"suffix": run.suffix})
    incident = await run.incident("t")
    await run.set(instance, {"kind": "ship"})
    await run.resolve(incident)
    await run.do("ship")


@scenario("retries that are no number are an incident")
async def _(run: Run) -> None:
    await run.deploy(line(job("t", retries="=tries")))
    instance = await run.create({"tries": "many"})
    incident = await run.incident("t")
    await run.set(instance, {"tries": 2})
    await run.resolve(incident)
    await run.do("t")


@scenario("a gateway without a true flow waits until one is")
async def _(run: Run) -> None:
    body = start() + gateway("exclusive", "g") + job("a") + job("b") + end()
    flows = flow("g", "a", "x > 1") + flow("g", "b", "x < 1")
    await run.deploy(bpmn(body + flows, "s>g a>e b>e"))
    instance = await run.create({"x": 1})
    incident = await run.incident("g")
    await run.settle()
    await run.set(instance, {"x": 2})
    await run.resolve(incident)
    await run.do("a")


@scenario("a condition that is no boolean is an incident")
async def _(run: Run) -> None:
    body = start() + gateway("exclusive", "g", default="g_b") + job("a") + job("b") + end()
    await run.deploy(bpmn(body + flow("g", "a", "x") + flow("g", "b"), "s>g a>e b>e"))
    instance = await run.create({"x": "yes"})
    incident = await run.incident("g")
    await run.set(instance, {"x": False})
    await run.resolve(incident)
    await run.do("b")


@scenario("a condition over a missing variable is an incident")
async def _(run: Run) -> None:
    body = start() + gateway("exclusive", "g", default="g_b") + job("a") + job("b") + end()
    await run.deploy(bpmn(body + flow("g", "a", "x > 1") + flow("g", "b"), "s>g a>e b>e"))
    await run.create()
    await run.rest()


@scenario("an unknown called process waits until it is deployed")
async def _(run: Run) -> None:
    await run.deploy(line(call("c", "child")))
    await run.create({"a": 1})
    incident = await run.incident("c")
    await run.settle()
    await run.deploy(line(job("t"), id="child"))
    await run.resolve(incident)
    await run.do("t")


@scenario("a correlation key that is missing is an incident")
async def _(run: Run) -> None:
    await run.deploy(line(catch("m", on_message("pay")), definitions=message("pay")))
    instance = await run.create()
    incident = await run.incident("m")
    await run.settle()
    await run.set(instance, {"key": 7})
    await run.resolve(incident)
    await run.listening("pay")
    await run.publish("pay", "7")
    await run.over()


@scenario("a correlation key of the wrong type is an incident")
async def _(run: Run) -> None:
    await run.deploy(line(catch("m", on_message("pay")), definitions=message("pay")))
    await run.create({"key": [1]})
    await run.incident("m")


@scenario("a timer that is no duration is an incident")
async def _(run: Run) -> None:
    await run.deploy(line(catch("w", on_duration("=wait"))))
    instance = await run.create({"wait": "soon"})
    incident = await run.incident("w")
    await run.settle()
    await run.set(instance, {"wait": "PT0S"})
    await run.resolve(incident)
    await run.over()


@scenario("a script that fails is an incident")
async def _(run: Run) -> None:
    await run.deploy(line(script("calc", "assert(a, a > 1)", "b")))
    instance = await run.create({"a": 1})
    incident = await run.incident("calc")
    await run.settle()
    await run.set(instance, {"a": 2})
    await run.resolve(incident)
    await run.over()


@scenario("after an uncaught error the job comes back with its retries when the incident is resolved")
async def _(run: Run) -> None:
    await run.deploy(task())
    await run.create()
    one = await run.job("t")
    await run.throw(one, "BROKEN", {"why": 1})
    incident = await run.incident("t")
    await run.waiting_jobs("t")
    await run.complete(one)
    await run.resolve(incident)
    await run.do("t")


@scenario("two branches have an incident each and go on by themselves")
async def _(run: Run) -> None:
    body = start() + gateway("parallel", "f") + job("a") + job("b") + end()
    await run.deploy(bpmn(body, "s>f f>a f>b a>e b>e"))
    await run.create()
    first, second = await run.job("a"), await run.job("b")
    await run.fail(first, 0)
    await run.fail(second, 0)
    await run.incident("b")
    incident = await run.incident("a")
    await run.set_retries(first, 1)
    await run.resolve(incident)
    await run.do("a")
    await run.passed("a")


@scenario("unknown incidents cannot be resolved")
async def _(run: Run) -> None:
    for key in (2251799813685249 + 10**12, 2251799813685249 + 10**13):
        await run.resolve(key)
