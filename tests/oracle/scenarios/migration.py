"""Migrating instances to another version (engine.md 9 and 12)."""

from __future__ import annotations

from tests.building import (
    boundary,
    bpmn,
    call,
    catch,
    each,
    end,
    flow,
    gateway,
    inputs,
    job,
    message,
    on_duration,
    on_message,
    outputs,
    receive,
    start,
    sub,
)
from tests.oracle.models import headers, line, task
from tests.oracle.run import Run
from tests.oracle.scenario import Difference, scenario

TWO_MESSAGES = message("old") + message("new", "=other")
VALUES = {"key": "1", "other": "2"}


async def prepared(run: Run, old: bytes, new: bytes, *places: str, variables: object = VALUES) -> int:
    """Deploy two versions with an instance of the first, which has come to `places`. The second one's key."""
    await run.deploy(old)
    await run.create(variables)
    for place in places:
        await run.at(place)
    await run.deploy(new)
    return run.definition


@scenario("a job goes along with its type, retries and headers")
async def _(run: Run) -> None:
    old = line(job("a", type="one", extensions=headers(of="one")))
    new = line(job("b", type="two", retries="7", extensions=headers(of="two")), job("c"))
    await run.migrate(await prepared(run, old, new, "a"), ("a", "b"))
    await run.do("one", {"x": 1})
    await run.do("c")


@scenario("who holds the job can complete it")
async def _(run: Run) -> None:
    definition = await prepared(run, task("a"), line(job("b"), job("c")), "a")
    held = await run.job("a")
    await run.migrate(definition, ("a", "b"))
    await run.complete(held, {"x": 1})
    await run.do("c")


@scenario("output mappings of the new version apply")
async def _(run: Run) -> None:
    definition = await prepared(run, task("a"), task("a", outputs(y="=x + 1")), "a")
    await run.migrate(definition, ("a", "a"))
    await run.do("a", {"x": 1})


@scenario("an incident goes along with its job")
async def _(run: Run) -> None:
    definition = await prepared(run, task("a"), task("b"), "a")
    one = await run.job("a")
    await run.fail(one, 0)
    await run.incident("a")
    await run.migrate(definition, ("a", "b"))
    incident = await run.incident("b")
    await run.set_retries(one, 1)
    await run.resolve(incident)
    await run.do("a")


@scenario("what could not be entered is entered as the new element")
async def _(run: Run) -> None:
    definition = await prepared(run, task("a", inputs(x="=assert(q, q != null)")), task("b"))
    await run.incident("a")
    await run.migrate(definition, ("a", "b"))
    await run.resolve(await run.incident("b"))
    await run.do("b")


@scenario("mappings that cannot be followed are refused")
async def _(run: Run) -> None:
    new = line(job("a"), job("b", kind="userTask"), sub("u", start("s2") + job("i") + end("e2"), "s2>i i>e2"))
    definition = await prepared(run, line(job("a"), job("z")), new, "a")
    await run.migrate(definition)
    await run.migrate(definition, ("z", "a"))
    await run.migrate(definition, ("a", "b"))
    await run.migrate(definition, ("a", "e"))
    await run.migrate(definition, ("a", "i"))
    await run.migrate(definition, ("a", "nothing"))
    await run.migrate(definition, ("a", "a"), ("nothing", "a"))
    await run.migrate(definition, ("a", "a"), ("a", "b"))
    await run.migrate(definition, ("a", "a"), instance=run.instance + 1_000_000)
    await run.migrate(definition + 1_000_000, ("a", "a"))
    await run.migrate(definition, ("a", "a"), ("z", "a"), ("p", "a"))


@scenario("an instance that has ended, and a version that is deleted, are not found")
async def _(run: Run) -> None:
    definition = await prepared(run, task("a"), task("b"), "a")
    await run.delete(definition)
    await run.migrate(definition, ("a", "b"))
    await run.cancel()
    await run.over()
    await run.migrate(definition, ("a", "b"))


@scenario("to the same version and to another process")
async def _(run: Run) -> None:
    await run.deploy(task("a"))
    first = run.definition
    await run.create()
    await run.at("a")
    await run.migrate(first, ("a", "a"))
    await run.deploy(line(job("b"), id="q"))
    await run.migrate(run.definition, ("a", "b"))
    await run.do("a")


@scenario("a message is waited for as before")
async def _(run: Run) -> None:
    old = line(catch("a", on_message("old")), definitions=TWO_MESSAGES)
    definition = await prepared(run, old, line(catch("b", on_message("new")), definitions=TWO_MESSAGES))
    await run.listening("old")
    await run.migrate(definition, ("a", "b"))
    await run.settle()
    await run.publish("new", "2")
    await run.publish("old", "1", {"x": 1})


@scenario("a receive task hears what it waited for")
async def _(run: Run) -> None:
    old = line(receive("a", "old"), definitions=TWO_MESSAGES)
    definition = await prepared(run, old, line(receive("b", "new"), definitions=TWO_MESSAGES))
    await run.listening("old")
    await run.migrate(definition, ("a", "b"))
    await run.publish("old", "1", {"x": 1})


@scenario("a timer keeps its time")
async def _(run: Run) -> None:
    old, new = (line(catch(id, on_duration(text))) for id, text in (("a", "PT2S"), ("b", "PT9H")))
    await run.migrate(await prepared(run, old, new, "a"), ("a", "b"))
    await run.over()


@scenario("an event of another kind is no place")
async def _(run: Run) -> None:
    old = line(catch("a", on_duration("PT1H")))
    new = line(catch("a", on_message("old")), definitions=TWO_MESSAGES)
    await run.migrate(await prepared(run, old, new, "a"), ("a", "a"))


def bound(host: str, of_message: str, of_timer: str, name: str, *, interrupting: bool = True) -> bytes:
    """A job with a message and a timer at its boundary."""
    more = boundary(of_message, host, on_message(name), interrupting=interrupting) + end("em")
    more += boundary(of_timer, host, on_duration("PT1H")) + end("et")
    more += flow(of_message, "em") + flow(of_timer, "et")
    return line(job(host), more=more, definitions=TWO_MESSAGES)


@scenario("events at a boundary that are mapped are waited for as before")
async def _(run: Run) -> None:
    definition = await prepared(run, bound("a", "m", "t", "old"), bound("b", "m2", "t2", "new"), "a")
    await run.listening("old")
    await run.migrate(definition, ("a", "b"), ("m", "m2"), ("t", "t2"))
    await run.settle()
    await run.publish("old", "1", {"x": 1})


@scenario("events at a boundary that are not mapped close, and new ones open")
async def _(run: Run) -> None:
    definition = await prepared(run, bound("a", "m", "t", "old"), bound("b", "m2", "t2", "new"), "a")
    await run.listening("old")
    await run.migrate(definition, ("a", "b"))
    await run.listening("new")
    await run.settle()
    await run.publish("old", "1", {"x": 1})
    await run.publish("new", "2", {"y": 1})


@scenario(
    "an event that interrupts no more does not, and hears every message",
    differs=Difference(
        why="An event that interrupts no more hears every message",
        zeebe=("em: COMPLETED", "m: COMPLETED"),
        ours=("em: COMPLETED (x2)", "m: COMPLETED (x2)"),
    ),
)
async def _(run: Run) -> None:
    new = bound("a", "m", "t", "old", interrupting=False)
    definition = await prepared(run, bound("a", "m", "t", "old"), new, "a")
    await run.listening("old")
    await run.migrate(definition, ("a", "a"), ("m", "m"), ("t", "t"))
    await run.publish("old", "1")
    await run.passed("em")
    await run.publish("old", "1")
    await run.rest()
    await run.do("a")


@scenario("mappings of events that do not fit are refused")
async def _(run: Run) -> None:
    definition = await prepared(run, bound("a", "m", "t", "old"), bound("b", "m2", "t2", "new"), "a")
    await run.listening("old")
    await run.migrate(definition, ("a", "b"), ("m", "t2"))
    await run.migrate(definition, ("a", "b"), ("m", "m2"), ("t", "m2"))
    await run.migrate(definition, ("a", "b"), ("m", "e"))


@scenario("a new event that cannot be evaluated refuses the migration")
async def _(run: Run) -> None:
    more = boundary("m", "b", on_message("x")) + end("em") + flow("m", "em")
    new = line(job("b"), more=more, definitions=message("x", "=nothing"))
    await run.migrate(await prepared(run, task("a"), new, "a"), ("a", "b"))


def race(id: str, left: str, right: str, name: str) -> bytes:
    waits = catch(left, on_message(name)) + catch(right, on_duration("PT1H"))
    flows = f"s>{id} {id}>{left} {id}>{right} {left}>e {right}>f"
    parts = start() + gateway("eventBased", id) + waits + end("e") + end("f")
    return bpmn(parts, flows, definitions=TWO_MESSAGES)


@scenario("an event-based gateway goes on waiting for what is mapped")
async def _(run: Run) -> None:
    definition = await prepared(run, race("g", "l", "r", "old"), race("h", "l2", "r2", "new"), "g")
    await run.listening("old")
    await run.migrate(definition, ("g", "h"), ("l", "l2"), ("r", "r2"))
    await run.settle()
    await run.publish("old", "1")


@scenario(
    "an event-based gateway without its events waits for the same message anew",
    differs=Difference(
        why="An event-based gateway leaves its events behind",
        zeebe=("migrate (('g', 'h'),): FAILED_PRECONDITION", "g: TERMINATED"),
        ours=("migrate (('g', 'h'),): OK", "h: TERMINATED"),
    ),
)
async def _(run: Run) -> None:
    definition = await prepared(run, race("g", "l", "r", "old"), race("h", "l2", "r2", "old"), "g")
    await run.listening("old")
    await run.migrate(definition, ("g", "h"))
    await run.cancel()
    await run.over()


@scenario("a sub-process and what is in it move together")
async def _(run: Run) -> None:
    def inside(id: str, name: str) -> bytes:
        return line(sub(id, start("s2") + job(name) + end("e2"), f"s2>{name} {name}>e2"))

    definition = await prepared(run, inside("u", "a"), inside("u2", "a2"), "a")
    await run.migrate(definition, ("a", "a2"))
    await run.migrate(definition, ("u", "u2"))
    await run.migrate(definition, ("u", "u2"), ("a", "a2"))
    await run.do("a")


@scenario("a multi-instance moves with its children, and keeps its order")
async def _(run: Run) -> None:
    definition = await prepared(
        run, line(job("a", inner=each("=[1,2]"))), line(job("b", inner=each("=[1,2]")))
    )
    await run.at("a", 3)
    sequential = await run.deploy(line(job("b", inner=each("=[1,2]", sequential=True))))
    await run.migrate(sequential.deployments[0].process.processDefinitionKey, ("a", "b"))
    single = await run.deploy(task("b"))
    await run.migrate(single.deployments[0].process.processDefinitionKey, ("a", "b"))
    await run.migrate(definition, ("a", "b"))
    for one in await run.jobs("a", 2):
        await run.complete(one)


@scenario("a caller and what it called are migrated one by one")
async def _(run: Run) -> None:
    await run.deploy(line(job("c"), id="called"))
    definition = await prepared(run, line(call("k", "called")), line(call("k2", "called"), job("more")), "c")
    await run.migrate(definition, ("k", "k2"))
    await run.deploy(line(job("d"), job("after"), id="called"))
    held = await run.job("c")
    await run.migrate(run.definition, ("c", "d"), instance=held.instance_key)
    await run.complete(held)
    await run.do("after")
    await run.do("more")


def joined(id: str, after: str) -> bytes:
    flows = f"s>f f>a f>b a>{id} b>{id} {id}>{after} {after}>e"
    parts = start() + gateway("parallel", "f") + job("a") + job("b") + gateway("parallel", id) + job(after)
    return bpmn(parts + end(), flows)


@scenario(
    "a token at a joining gateway",
    differs=Difference(
        why="Tokens at joining gateways are migrated",
        zeebe=("migrate (('b', 'b'), ('g', 'g')): FAILED_PRECONDITION",),
        ours=("migrate (('b', 'b'), ('g', 'g')): OK",),
    ),
)
async def _(run: Run) -> None:
    definition = await prepared(run, joined("g", "after"), joined("g", "later"), "a", "b")
    await run.do("a")
    await run.passed("a")
    await run.migrate(definition, ("b", "b"))
    await run.migrate(definition, ("b", "b"), ("g", "g"))
    await run.cancel()
    await run.over()
