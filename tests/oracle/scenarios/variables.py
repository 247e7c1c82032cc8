"""Variables: scopes, mappings, numbers (engine.md 2 and 12)."""

from __future__ import annotations

from tests.building import (
    boundary,
    catch,
    end,
    flow,
    inputs,
    io,
    job,
    message,
    on_message,
    outputs,
    script,
    sub,
)
from tests.oracle.models import inner_line, line, task
from tests.oracle.run import Run
from tests.oracle.scenario import Difference, scenario


@scenario("a job's results reach the root when its task has no mappings")
async def _(run: Run) -> None:
    await run.deploy(task())
    await run.create({"a": 1})
    await run.do("t", {"b": 2, "a": 3})


@scenario("with output mappings only their targets leave the task")
async def _(run: Run) -> None:
    await run.deploy(task(mappings=outputs(total="=b + 1")))
    await run.create({"a": 1})
    await run.do("t", {"b": 2, "c": 3})


@scenario("with input mappings results go to the root unless the name is local")
async def _(run: Run) -> None:
    await run.deploy(task(mappings=inputs(x="=a")))
    await run.create({"a": 1})
    await run.do("t", {"x": 5, "y": 6})


@scenario("a job sees all variables around it and its inputs before them")
async def _(run: Run) -> None:
    await run.deploy(task(mappings=inputs(a="=a + 10", c="=a")))
    await run.create({"a": 1, "b": {"deep": [1, 2]}})
    await run.do("t")


@scenario("a job gets only the variables it asks for")
async def _(run: Run) -> None:
    await run.deploy(task())
    await run.create({"a": 1, "b": 2, "c": 3})
    await run.do("t", fetch=["a", "c", "nothing"])


@scenario("a nested target of an output mapping is merged into what is there")
async def _(run: Run) -> None:
    await run.deploy(task(mappings=outputs(order__total="=b", order__lines__first="=1")))
    await run.create({"order": {"id": 7, "lines": {"second": 2}}})
    await run.do("t", {"b": 2})


@scenario("a nested target of an input mapping makes an object of its own")
async def _(run: Run) -> None:
    await run.deploy(task(mappings=inputs(order__total="=a", order__id="=b")))
    await run.create({"a": 1, "b": 2, "order": {"id": 7, "kept": True}})
    await run.do("t")


@scenario("a missing variable maps to null")
async def _(run: Run) -> None:
    await run.deploy(task(mappings=inputs(x="=nowhere", y="=nowhere.deeper")))
    await run.create({})
    await run.do("t")


@scenario("later input mappings see the results of earlier ones")
async def _(run: Run) -> None:
    await run.deploy(task(mappings=inputs(x="=a", y="=x + 1", z="=x + y")))
    await run.create({"a": 1})
    await run.do("t")


@scenario("a mapping without an equals sign is a text")
async def _(run: Run) -> None:
    await run.deploy(task(mappings=inputs(x="plain", y="12", z="true")))
    await run.create({})
    await run.do("t")


@scenario("numbers stay whole, fractional or exact, as they were written")
async def _(run: Run) -> None:
    await run.deploy(task())
    await run.create('{"a": 1, "b": 1.0, "c": 1e3, "d": 9223372036854775807, "e": -0.5, "f": 0.1}')
    await run.do("t", '{"g": 2.50, "h": -9223372036854775808, "i": 0}')


@scenario("JSON of every kind comes back as it was")
async def _(run: Run) -> None:
    await run.deploy(task())
    await run.create(
        {"n": None, "t": True, "s": 'zażółć "q" \n 🐟', "l": [1, [2, {}], ""], "o": {"": 1, "a b": 2}}
    )
    await run.do("t", {"empty": {}, "none": []})


@scenario("results update the nearest scope that has the name, others go to the root")
async def _(run: Run) -> None:
    inner = inner_line(job("t"), s="is", e="ie")
    await run.deploy(line(sub("box", inner, mappings=inputs(mine="=1"))))
    await run.create({"outer": 1})
    await run.do("t", {"mine": 2, "outer": 3, "new": 4})


@scenario("a sub-process hands out only what its output mappings name")
async def _(run: Run) -> None:
    inner = inner_line(job("t"), s="is", e="ie")
    await run.deploy(
        line(sub("box", inner, mappings=inputs(mine="=1") + outputs(result="=mine * 10")), job("after"))
    )
    await run.create({})
    await run.do("t", {"mine": 2})
    await run.do("after")


@scenario("variables set on an element reach the nearest scope that has them, else the root")
async def _(run: Run) -> None:
    await run.deploy(task(mappings=inputs(x="=1")))
    await run.create({"y": 1})
    job_ = await run.job("t")
    await run.set(job_.element_key, {"x": 2, "y": 2, "z": 2})
    await run.settle()
    await run.complete(job_)


@scenario("variables set locally stay at the element")
async def _(run: Run) -> None:
    await run.deploy(task())
    await run.create({"y": 1})
    job_ = await run.job("t")
    await run.set(job_.element_key, {"y": 2, "z": 2}, local=True)
    await run.settle()
    await run.complete(job_, {"z": 3})


@scenario("variables set on the process instance are seen by the next job")
async def _(run: Run) -> None:
    await run.deploy(line(job("a"), job("b")))
    await run.create({"x": 1})
    first = await run.job("a")
    await run.set(run.instance, {"x": 2, "y": 3})
    await run.complete(first)
    await run.do("b")


@scenario("setting a variable while a job waits changes what the job gets")
async def _(run: Run) -> None:
    await run.deploy(task())
    instance = await run.create({"x": 1})
    await run.at("t")
    await run.set(instance, {"x": {"y": 2}})
    await run.do("t")


@scenario("message variables reach the root without mappings")
async def _(run: Run) -> None:
    await run.deploy(line(catch("m", on_message("pay")), definitions=message("pay")))
    await run.create({"key": "1"})
    await run.listening("pay")
    await run.publish("pay", "1", {"paid": 5, "key": "2"})


@scenario("message variables pass an output mapping only through it")
async def _(run: Run) -> None:
    await run.deploy(
        line(catch("m", on_message("pay"), io=io(outputs(amount="=paid"))), definitions=message("pay"))
    )
    await run.create({"key": "1"})
    await run.listening("pay")
    await run.publish("pay", "1", {"paid": 5, "other": 2})


@scenario("a script's value becomes a variable of the root")
async def _(run: Run) -> None:
    await run.deploy(line(script("calc", "a * 2", "doubled")))
    await run.result({"a": 21})


@scenario("a script with output mappings keeps its own value to itself")
async def _(run: Run) -> None:
    await run.deploy(line(script("calc", "a * 2", "doubled", mappings=outputs(out="=doubled + 1"))))
    await run.result({"a": 21})


@scenario("variables of a boundary event's message pass through its output mappings")
async def _(run: Run) -> None:
    late = boundary("late", "t", on_message("stop"), io=io(outputs(why="=reason")))
    late += end("late_end") + flow("late", "late_end")
    await run.deploy(line(job("t"), more=late, definitions=message("stop")))
    await run.create({"key": "1"})
    await run.listening("stop")
    await run.publish("stop", "1", {"reason": "no time", "other": 1})
    await run.over()


@scenario("the end event's output mappings are the last word")
async def _(run: Run) -> None:
    from tests.building import bpmn, start

    await run.deploy(bpmn(start() + job("t") + end(io=io(outputs(sum="=a + b"))), "s>t t>e"))
    waiting = run.create_with_result({"a": 1})
    await run.do("t", {"b": 2})
    await run.answer(waiting)


@scenario("a result can be asked for by variable names")
async def _(run: Run) -> None:
    await run.deploy(line(script("calc", "a * 2", "b")))
    await run.result({"a": 21, "c": 1}, fetch=["b", "c", "nowhere"])


@scenario("variables that are no object are refused")
async def _(run: Run) -> None:
    await run.deploy(task())
    for text in ("[1]", "1", '"text"', "{", "", "null", "nonsense"):
        await run.create(text)


@scenario(
    "something behind the object of variables",
    differs=Difference(
        why="Text behind a JSON object",
        zeebe=("publish m: OK",),
        ours=("publish m: INVALID_ARGUMENT",),
    ),
)
async def _(run: Run) -> None:
    await run.publish("m", "1", "{} {}")


@scenario(
    "a result that is the same as the local variable it meets",
    differs=Difference(
        why="A value that a local variable has already",
        zeebe=('variables of p: {"a": 1, "x": 1}',),
        ours=('variables of p: {"a": 1}',),
    ),
)
async def _(run: Run) -> None:
    await run.deploy(task(mappings=inputs(x="=a")))
    await run.create({"a": 1})
    await run.do("t", {"x": 1})
