"""Messages: correlation, buffering, starts (engine.md 5 and 12)."""

from __future__ import annotations

from tests.building import (
    boundary,
    bpmn,
    catch,
    end,
    flow,
    gateway,
    job,
    message,
    on_message,
    receive,
    start,
    sub,
)
from tests.oracle.models import inner_line, line
from tests.oracle.run import Run
from tests.oracle.scenario import Difference, scenario

HOUR = 3_600_000


def catching(name: str = "pay") -> bytes:
    return line(catch("m", on_message(name)), definitions=message(name))


def started_by(name: str = "begin") -> bytes:
    """A process `p` that a message starts, with one job."""
    body = start("s", on_message(name)) + job("t") + end()
    return bpmn(body, "s>t t>e", definitions=message(name))


@scenario("a message goes to the instance whose key it has")
async def _(run: Run) -> None:
    await run.deploy(catching())
    for key in ("1", "2"):
        await run.create({"key": key})
    await run.listening("pay", 2)
    await run.publish("pay", "2", {"got": True})
    await run.passed("m")


@scenario("a number as correlation key is its text")
async def _(run: Run) -> None:
    await run.deploy(catching())
    await run.create({"key": 12})
    await run.listening("pay")
    await run.publish("pay", "12")
    await run.over()


@scenario("a message nobody waits for is gone when it may not live")
async def _(run: Run) -> None:
    await run.deploy(catching())
    await run.publish("pay", "1", {"got": 1})
    await run.create({"key": "1"})
    await run.listening("pay")


@scenario("a buffered message is taken by whoever waits later")
async def _(run: Run) -> None:
    await run.deploy(catching())
    await run.publish("pay", "1", {"got": 1}, ttl_ms=HOUR)
    await run.create({"key": "1"})
    await run.over()


@scenario("buffered messages are taken oldest first, each once per process")
async def _(run: Run) -> None:
    await run.deploy(
        line(catch("m", on_message("pay")), catch("n", on_message("pay")), definitions=message("pay"))
    )
    await run.publish("pay", "1", {"n": 1}, ttl_ms=HOUR)
    await run.publish("pay", "1", {"n": 2, "second": True}, ttl_ms=HOUR)
    await run.create({"key": "1"})
    await run.over()
    await run.create({"key": "1"})
    await run.listening("pay")


@scenario("a message is correlated once per process, over all its versions")
async def _(run: Run) -> None:
    await run.deploy(catching(), name="file")
    await run.create({"key": "1"})
    await run.listening("pay")
    await run.deploy(line(catch("m", on_message("pay")), job("t"), definitions=message("pay")), name="file")
    await run.create({"key": "1"})
    await run.listening("pay", 2)
    await run.publish("pay", "1", ttl_ms=HOUR)
    await run.passed("m")


@scenario("a message goes to several processes")
async def _(run: Run) -> None:
    await run.deploy(catching())
    await run.deploy(line(catch("m", on_message("pay")), id="q", definitions=message("pay")))
    await run.create({"key": "1"})
    await run.create({"key": "1"}, process="q")
    await run.listening("pay", 2)
    await run.publish("pay", "1", {"got": 1})
    await run.passed("m", 2)


@scenario("a message with the id of a living one is refused")
async def _(run: Run) -> None:
    await run.deploy(catching())
    await run.publish("pay", "1", ttl_ms=HOUR, id="a")
    await run.publish("pay", "1", ttl_ms=HOUR, id="a")
    await run.publish("pay", "2", ttl_ms=HOUR, id="a")
    await run.publish("pay", "1", ttl_ms=HOUR, id="b")
    await run.publish("other", "1", ttl_ms=HOUR, id="a")
    await run.publish("pay", "3", id="c")
    await run.publish("pay", "3", id="c")


@scenario("a message without a key reaches nobody who waits with one")
async def _(run: Run) -> None:
    await run.deploy(catching())
    await run.create({"key": "1"})
    await run.listening("pay")
    await run.publish("pay", "")
    await run.rest()


@scenario("an empty correlation key is a key too")
async def _(run: Run) -> None:
    await run.deploy(catching())
    await run.create({"key": ""})
    await run.rest()


@scenario("a receive task waits like an event")
async def _(run: Run) -> None:
    await run.deploy(line(receive("r", "pay"), job("t"), definitions=message("pay")))
    await run.create({"key": "1"})
    await run.listening("pay")
    await run.publish("pay", "1", {"x": 1})
    await run.do("t")


@scenario("a message may interrupt a task")
async def _(run: Run) -> None:
    stop = (
        boundary("b", "t", on_message("stop"))
        + job("instead")
        + "<sequenceFlow id='x' sourceRef='b' targetRef='instead'/>"
    )
    await run.deploy(line(job("t"), more=stop, definitions=message("stop")))
    await run.create({"key": "1"})
    await run.listening("stop")
    one = await run.job("t")
    await run.publish("stop", "1", {"x": 1})
    await run.do("instead")
    await run.complete(one)


@scenario("a message that does not interrupt comes as often as it is sent")
async def _(run: Run) -> None:
    tell = boundary("b", "t", on_message("tell"), interrupting=False) + job("note")
    flows = "<sequenceFlow id='x' sourceRef='b' targetRef='note'/>"
    await run.deploy(line(job("t"), more=tell + flows, definitions=message("tell")))
    await run.create({"key": "1"})
    await run.listening("tell")
    for number in (1, 2):
        await run.publish("tell", "1", {"n": number})
        await run.do("note")
    await run.do("t")
    await run.publish("tell", "1")


@scenario("a message may interrupt a sub-process and all in it")
async def _(run: Run) -> None:
    box = sub("box", inner_line(job("t"), s="is", e="ie"))
    stop = boundary("b", "box", on_message("stop")) + end("b_end") + flow("b", "b_end")
    await run.deploy(line(box, more=stop, definitions=message("stop")))
    await run.create({"key": "1"})
    await run.listening("stop")
    await run.at("t")
    await run.publish("stop", "1")
    await run.over()


@scenario("a message starts a process with its variables")
async def _(run: Run) -> None:
    await run.deploy(started_by())
    await run.publish("begin", "", {"x": 1})
    await run.do("t")


@scenario("a process that only messages start cannot be created")
async def _(run: Run) -> None:
    await run.deploy(started_by())
    await run.create()


@scenario("messages without a key start as many instances as they are")
async def _(run: Run) -> None:
    await run.deploy(started_by())
    await run.publish("begin", "")
    await run.publish("begin", "")
    await run.at("t", 2)


@scenario("one instance per key runs at a time, and the next begins when it ends")
async def _(run: Run) -> None:
    await run.deploy(started_by())
    await run.publish("begin", "1", {"n": 1}, ttl_ms=HOUR)
    await run.publish("begin", "1", {"n": 2}, ttl_ms=HOUR)
    await run.publish("begin", "2", {"n": 3}, ttl_ms=HOUR)
    await run.at("t", 2)
    await run.settle()
    for one in await run.jobs("t", 2):
        await run.complete(one)
    await run.do("t")


@scenario("a second message with the same key is dropped when it may not live")
async def _(run: Run) -> None:
    await run.deploy(started_by())
    await run.publish("begin", "1", {"n": 1})
    await run.publish("begin", "1", {"n": 2})
    await run.do("t")


@scenario("the message that started an instance is not caught inside it again")
async def _(run: Run) -> None:
    body = start("s", on_message("begin")) + catch("m", on_message("begin")) + end()
    await run.deploy(bpmn(body, "s>m m>e", definitions=message("begin")))
    await run.publish("begin", "1", {"key": "1"}, ttl_ms=HOUR)
    await run.listening("begin")


@scenario("a new version takes over the message start of the old one")
async def _(run: Run) -> None:
    await run.deploy(started_by(), name="file")
    body = start("s", on_message("begin")) + job("other") + end()
    await run.deploy(bpmn(body, "s>other other>e", definitions=message("begin")), name="file")
    await run.publish("begin", "")
    await run.do("other")


@scenario("a message start and a plain start stand side by side")
async def _(run: Run) -> None:
    body = start() + start("ms", on_message("begin")) + job("t") + end()
    await run.deploy(bpmn(body, "s>t ms>t t>e", definitions=message("begin")))
    await run.create({"by": "hand"})
    await run.do("t")
    await run.publish("begin", "", {"by": "message"})
    await run.do("t")


@scenario("two branches that wait for the same message get one each")
async def _(run: Run) -> None:
    body = (
        start()
        + gateway("parallel", "f")
        + catch("m", on_message("pay"))
        + catch("n", on_message("pay"))
        + end()
    )
    await run.deploy(bpmn(body, "s>f f>m f>n m>e n>e", definitions=message("pay")))
    await run.create({"key": "1"})
    await run.listening("pay", 2)
    await run.publish("pay", "1")
    await run.rest()
    await run.publish("pay", "1")
    await run.over()


@scenario("the name of a message may be an expression")
async def _(run: Run) -> None:
    named = message('="pay-" + kind + suffix', id="pay").replace(
        'name="="pay-" + kind + suffix"', "name='=\"pay-\" + kind + suffix'"
    )
    await run.deploy(line(catch("m", on_message("pay")), definitions=named))
    await run.create({"key": "1", "kind": "card", "suffix": run.suffix})
    await run.listening("pay-card")
    await run.publish("pay-card", "1")
    await run.over()


@scenario("what a message carries must be an object, its time to live may be negative")
async def _(run: Run) -> None:
    await run.publish("pay", "1", "[1]")
    await run.publish("pay", "1", "nonsense")
    await run.publish("pay", "1", "null")
    await run.publish("pay", "1", ttl_ms=-5)


@scenario(
    "a message without a name",
    differs=Difference(
        why="Requests for nothing", zeebe=("publish : OK",), ours=("publish : INVALID_ARGUMENT",)
    ),
)
async def _(run: Run) -> None:
    await run.publish("", "1")
