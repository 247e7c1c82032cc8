"""Jobs: activation, leases, completion, failure (engine.md 3 and 12)."""

from __future__ import annotations

import asyncio

from tests.building import bpmn, element, end, gateway, inputs, job, start
from tests.oracle.models import headers, line, task
from tests.oracle.run import Run
from tests.oracle.scenario import scenario


@scenario("a job carries type, element, retries and headers")
async def _(run: Run) -> None:
    await run.deploy(
        line(job("t", type="ship", retries="7", extensions=headers(region="EU", empty="", n="1")))
    )
    await run.create({"a": 1})
    await run.do("ship", worker="somebody")


@scenario("type and retries may be expressions")
async def _(run: Run) -> None:
    await run.deploy(line(job("t", type='="ship-" + kind + suffix', retries="=tries + 1")))
    await run.create({"kind": "air", "tries": 4, "suffix": run.suffix})
    await run.do("ship-air")


@scenario("an expression for the type sees the input mappings")
async def _(run: Run) -> None:
    await run.deploy(line(job("t", type="=kind + suffix", mappings=inputs(kind='="sea"'))))
    await run.create({"suffix": run.suffix})
    await run.do("sea")


@scenario("jobs wait in the order they were made")
async def _(run: Run) -> None:
    await run.deploy(task())
    for number in range(4):
        await run.create({"n": number})
    for _ in range(4):
        await run.do("t")


@scenario("one request hands out up to the number of jobs it asks for")
async def _(run: Run) -> None:
    await run.deploy(task())
    for number in range(5):
        await run.create({"n": number})
    await run.waiting_jobs("t", 3)
    await run.waiting_jobs("t", 3)
    await run.waiting_jobs("t", 3)


@scenario("a leased job is not handed out twice")
async def _(run: Run) -> None:
    await run.deploy(task())
    await run.create()
    await run.job("t")
    await run.waiting_jobs("t")


@scenario("an expired lease makes the job available again with its retries")
async def _(run: Run) -> None:
    await run.deploy(task())
    await run.create()
    await run.job("t", lease_ms=100)
    await run.do("t")


@scenario("completing after the lease has expired is accepted")
async def _(run: Run) -> None:
    await run.deploy(task())
    await run.create()
    first = await run.job("t", lease_ms=50)
    await asyncio.sleep(0.2)
    await run.complete(first, {"late": True})


@scenario("the first of two holders completes, the second is told it is gone")
async def _(run: Run) -> None:
    await run.deploy(task())
    await run.create()
    first = await run.job("t", lease_ms=100)
    second = await run.job("t")
    await run.complete(first, {"by": "first"})
    await run.complete(second, {"by": "second"})


@scenario("a job can be completed only once")
async def _(run: Run) -> None:
    await run.deploy(task())
    await run.create()
    done = await run.do("t")
    await run.complete(done)
    await run.fail(done, 1)
    await run.throw(done, "E")
    await run.set_retries(done, 1)
    await run.set_timeout(done, 1000)


@scenario("a failed job with retries left comes back at once with those retries")
async def _(run: Run) -> None:
    await run.deploy(task())
    await run.create()
    await run.fail(await run.job("t"), 9)
    await run.do("t")


@scenario("variables of a failure stay at the element and are seen by the next try")
async def _(run: Run) -> None:
    await run.deploy(task())
    await run.create({"a": 1})
    await run.fail(await run.job("t"), 2, {"attempt": 1, "a": 2})
    await run.settle()
    await run.do("t", {"attempt": 2, "b": 3})


@scenario("a backoff holds the job back")
async def _(run: Run) -> None:
    await run.deploy(task())
    await run.create()
    await run.fail(await run.job("t"), 2, backoff_ms=3_600_000)
    await run.waiting_jobs("t")


@scenario("after its backoff the job comes back")
async def _(run: Run) -> None:
    await run.deploy(task())
    await run.create()
    await run.fail(await run.job("t"), 2, backoff_ms=200)
    await run.do("t")


@scenario("a job that backs off can still be completed")
async def _(run: Run) -> None:
    await run.deploy(task())
    await run.create()
    one = await run.job("t")
    await run.fail(one, 2, backoff_ms=3_600_000)
    await run.complete(one)


@scenario("a job without retries is an incident and is not handed out")
async def _(run: Run) -> None:
    await run.deploy(task())
    await run.create()
    await run.fail(await run.job("t"), 0)
    await run.incident("t")
    await run.waiting_jobs("t")


@scenario("negative retries are no retries")
async def _(run: Run) -> None:
    await run.deploy(task())
    await run.create()
    await run.fail(await run.job("t"), -3)
    await run.incident("t")


@scenario("a job that failed for good can be completed, failed or thrown no more")
async def _(run: Run) -> None:
    await run.deploy(task())
    await run.create()
    one = await run.job("t")
    await run.fail(one, 0)
    await run.complete(one)
    await run.fail(one, 1)
    await run.throw(one, "E")


@scenario("retries of a waiting job can be set, but not below one")
async def _(run: Run) -> None:
    await run.deploy(task())
    await run.create()
    one = await run.job("t", lease_ms=200)
    await run.set_retries(one, 8)
    await run.set_retries(one, 0)
    await run.set_retries(one, -1)
    await run.do("t")


@scenario("the timeout of a leased job can be shortened")
async def _(run: Run) -> None:
    await run.deploy(task())
    await run.create()
    one = await run.job("t")
    await run.set_timeout(one, 100)
    await run.do("t")


@scenario("the timeout of a leased job can be made longer")
async def _(run: Run) -> None:
    await run.deploy(task())
    await run.create()
    one = await run.job("t", lease_ms=700)
    await run.set_timeout(one, 600_000)
    await asyncio.sleep(1.8)
    await run.waiting_jobs("t")
    await run.complete(one)


@scenario("the timeout of a job nobody holds cannot be set")
async def _(run: Run) -> None:
    await run.deploy(task())
    await run.create()
    one = await run.job("t")
    await run.fail(one, 1)
    await run.set_timeout(one, 1000)


@scenario("a job can be completed without being held")
async def _(run: Run) -> None:
    await run.deploy(task())
    await run.create()
    one = await run.job("t")
    await run.fail(one, 1)
    await run.rest()
    await run.complete(one, {"done": 1})


@scenario("a job nobody holds can fail and throw")
async def _(run: Run) -> None:
    await run.deploy(task())
    await run.create()
    one = await run.job("t")
    await run.fail(one, 3)
    await run.rest()
    await run.fail(one, 2)
    await run.rest()
    await run.throw(one, "E")


@scenario("every kind of task that is a job makes one")
async def _(run: Run) -> None:
    kinds = ("serviceTask", "sendTask", "businessRuleTask", "scriptTask")
    await run.deploy(line(*(job(f"t{kind}", kind=kind) for kind in kinds)))
    await run.create()
    for kind in kinds:
        await run.do(f"t{kind}")


@scenario("message throw and end events are jobs")
async def _(run: Run) -> None:
    body = (
        start()
        + job("throw", kind="intermediateThrowEvent", inner="<messageEventDefinition/>")
        + job("e", type="finish", kind="endEvent", inner="<messageEventDefinition/>")
    )
    await run.deploy(bpmn(body, "s>throw throw>e"))
    await run.create()
    await run.do("throw", {"a": 1})
    await run.do("finish", {"b": 2})


@scenario("manual and plain tasks pass at once")
async def _(run: Run) -> None:
    await run.deploy(line(element("manualTask", "m"), element("task", "u")))
    await run.result({"a": 1})


@scenario("a user task without extensions is a job of its own type")
async def _(run: Run) -> None:
    await run.deploy(line(element("userTask", "u")))
    await run.create({"a": 1})
    await run.at("u")


@scenario("cancelling an instance takes its job away from the worker")
async def _(run: Run) -> None:
    await run.deploy(task())
    await run.create()
    one = await run.job("t")
    await run.cancel()
    await run.complete(one)
    await run.fail(one, 1)
    await run.throw(one, "E")


@scenario("variables of a completion must be an object")
async def _(run: Run) -> None:
    await run.deploy(task())
    await run.create()
    one = await run.job("t")
    for text in ("[1]", "1", "{", "nonsense", '"x"'):
        await run.complete(one, text)
    await run.fail(one, 2, "[1]")
    await run.throw(one, "E", "[1]")
    await run.complete(one, "null")


@scenario("two tasks of one type are told apart by their element")
async def _(run: Run) -> None:
    body = start() + gateway("parallel", "f") + job("a", type="w") + job("b", type="w") + end()
    await run.deploy(bpmn(body, "s>f f>a f>b a>e b>e"))
    await run.create()
    for one in await run.jobs("w", 2):
        await run.complete(one, {one.element: 1})
    await run.over()
