"""Event-based gateways (engine.md 7)."""

from __future__ import annotations

from tests.building import bpmn, catch, end, gateway, job, message, on_duration, on_message, start, sub
from tests.oracle.models import line
from tests.oracle.run import Run
from tests.oracle.scenario import scenario


def race(first: str, second: str) -> bytes:
    """s > g > (a > ja | b > jb)."""
    body = start() + gateway("eventBased", "g") + catch("a", first) + catch("b", second)
    flows = "s>g g>a g>b a>ja b>jb ja>e jb>e"
    return bpmn(body + job("ja") + job("jb") + end(), flows, definitions=message("pay") + message("stop"))


@scenario("the first message wins, the other is waited for no more")
async def _(run: Run) -> None:
    await run.deploy(race(on_message("pay"), on_message("stop")))
    await run.create({"key": "1"})
    await run.listening("pay")
    await run.listening("stop")
    await run.publish("stop", "1", {"why": "changed my mind"})
    await run.do("jb")
    await run.publish("pay", "1")


@scenario("a timer wins when no message comes")
async def _(run: Run) -> None:
    await run.deploy(race(on_message("pay"), on_duration("PT0.3S")))
    await run.create({"key": "1"})
    await run.do("jb")


@scenario("a message wins before a long timer")
async def _(run: Run) -> None:
    await run.deploy(race(on_message("pay"), on_duration("PT1H")))
    await run.create({"key": "1"})
    await run.listening("pay")
    await run.settle()
    await run.publish("pay", "1", {"paid": 1})
    await run.do("ja")


@scenario("a message that was there before decides at once")
async def _(run: Run) -> None:
    await run.deploy(race(on_message("pay"), on_duration("PT1H")))
    await run.publish("pay", "1", {"paid": 1}, ttl_ms=600_000)
    await run.create({"key": "1"})
    await run.do("ja")


@scenario("cancelling ends the waiting of all events")
async def _(run: Run) -> None:
    await run.deploy(race(on_message("pay"), on_duration("PT1H")))
    await run.create({"key": "1"})
    await run.listening("pay")
    await run.cancel()
    await run.over()


@scenario("a failing correlation key is an incident of the gateway")
async def _(run: Run) -> None:
    await run.deploy(race(on_message("pay"), on_duration("PT1H")))
    instance = await run.create()
    incident = await run.incident("g")
    await run.settle()
    await run.set(instance, {"key": "1"})
    await run.resolve(incident)
    await run.listening("pay")


@scenario("a race may stand in a sub-process")
async def _(run: Run) -> None:
    body = (
        start("is")
        + gateway("eventBased", "g")
        + catch("a", on_message("pay"))
        + catch("b", on_duration("PT1H"))
    )
    box = sub("box", body + end("ie"), "is>g g>a g>b a>ie b>ie")
    await run.deploy(line(box, job("after"), definitions=message("pay")))
    await run.create({"key": "1"})
    await run.listening("pay")
    await run.publish("pay", "1")
    await run.do("after")
