"""Deployment: versions, and what is refused (engine.md 8)."""

from __future__ import annotations

from tests.building import (
    HEAD,
    boundary,
    bpmn,
    catch,
    each,
    element,
    end,
    error,
    file,
    flow,
    gateway,
    inputs,
    job,
    message,
    on_cycle,
    on_duration,
    on_error,
    on_message,
    receive,
    start,
    sub,
)
from tests.oracle.models import line, line_process, task
from tests.oracle.run import Run
from tests.oracle.scenario import Difference, scenario


@scenario("the same file again is the same version")
async def _(run: Run) -> None:
    await run.deploy(task(), name="file")
    await run.deploy(task(), name="file")


@scenario("the same content under another name is a new version")
async def _(run: Run) -> None:
    await run.deploy(task(), name="a")
    await run.deploy(task(), name="b")


@scenario("going back to an older content is a new version")
async def _(run: Run) -> None:
    await run.deploy(task("a"), name="file")
    await run.deploy(task("b"), name="file")
    await run.deploy(task("a"), name="file")


@scenario("one file may hold several processes, one call several files")
async def _(run: Run) -> None:
    both = file(line_process(job("t"), id="p"), line_process(job("u"), id="q"))
    await run.deploy(both, line(job("t"), id="r"))
    for name in "pqr":
        await run.create(process=name)


@scenario("one faulty file refuses all of a call")
async def _(run: Run) -> None:
    await run.deploy(task(), bpmn(job("t")))
    await run.create()


@scenario("two files with the same process are refused")
async def _(run: Run) -> None:
    await run.deploy(task("a"), task("b"))


@scenario("a call without any file is refused")
async def _(run: Run) -> None:
    await run.deploy()


@scenario("what is no BPMN is refused")
async def _(run: Run) -> None:
    for content in (b"", b"nonsense", b"<a/>", b"<definitions/>", HEAD.encode() + b"</definitions>"):
        await run.deploy(content)


@scenario("structural faults are refused")
async def _(run: Run) -> None:
    faulty = (
        bpmn(job("t")),
        bpmn(start() + start("s2") + job("t"), "s>t s2>t"),
        bpmn(start() + job("t") + "<sequenceFlow id='f' sourceRef='s' targetRef='nowhere'/>", "s>t"),
    )
    for model in faulty:
        await run.deploy(model)


@scenario("a flow out of an end event")
async def _(run: Run) -> None:
    await run.deploy(bpmn(start() + job("t") + end(), "s>t t>e e>t"))


@scenario(
    "a flow into a start event",
    differs=Difference(
        why="Flows into start events",
        zeebe=("deploy: OK", "p version 1 #1"),
        ours=("deploy: INVALID_ARGUMENT",),
    ),
)
async def _(run: Run) -> None:
    await run.deploy(bpmn(start() + job("t"), "s>t t>s"))


@scenario("a service task needs a type")
async def _(run: Run) -> None:
    await run.deploy(line(element("serviceTask", "t")))
    await run.deploy(line(element("serviceTask", "t", extensions='<zeebe:taskDefinition type=""/>')))


@scenario("expressions that do not parse are refused")
async def _(run: Run) -> None:
    await run.deploy(task(mappings=inputs(x="=1 +")))
    await run.deploy(line(job("t", type='="a" +')))
    body = start() + gateway("exclusive", "g", default="g_e") + job("a") + end()
    await run.deploy(bpmn(body + flow("g", "a", "x >") + flow("g", "e"), "s>g a>e"))
    await run.deploy(line(catch("w", on_duration("=duration("))))


@scenario("mappings need a usable target")
async def _(run: Run) -> None:
    for target in ("", "a b", "1a", "a.", ".a", "a-b"):
        extension = f'<zeebe:ioMapping><zeebe:input source="=1" target="{target}"/></zeebe:ioMapping>'
        await run.deploy(line(job("t", extensions=extension)))


@scenario("messages need a name and a key")
async def _(run: Run) -> None:
    keyless = '<message id="pay" name="pay"/>'
    await run.deploy(line(catch("m", on_message("pay")), definitions=keyless))
    await run.deploy(line(receive("m", "pay"), definitions=keyless))
    await run.deploy(line(catch("m", on_message("pay")), definitions=message("", id="pay")))
    await run.deploy(line(catch("m", "<messageEventDefinition/>")))
    await run.deploy(line(catch("m", on_message("nowhere"))))


@scenario("timers need one valid time")
async def _(run: Run) -> None:
    for text in ("soon", "", "P", "1 day"):
        await run.deploy(line(catch("w", on_duration(text))))
    await run.deploy(line(catch("w", "<timerEventDefinition/>")))


@scenario(
    "a cycle in the flow",
    differs=Difference(
        why="Time cycles in the normal flow",
        zeebe=("deploy: INVALID_ARGUMENT",),
        ours=("deploy: OK", "p version 1 #1"),
    ),
)
async def _(run: Run) -> None:
    await run.deploy(line(catch("w", on_cycle("R3/PT1S"))))


@scenario("a cycle cannot interrupt")
async def _(run: Run) -> None:
    late = boundary("b", "t", on_cycle("R3/PT1S")) + end("b_end") + flow("b", "b_end")
    await run.deploy(line(job("t"), more=late))


@scenario("errors cannot be caught beside the flow, and not without interrupting")
async def _(run: Run) -> None:
    await run.deploy(
        line(job("t"), more=boundary("b", "t", on_error("E"), interrupting=False), definitions=error("E"))
    )
    twice = boundary("b", "t", on_error("E")) + boundary("c", "t", on_error("E"))
    await run.deploy(line(job("t"), more=twice, definitions=error("E")))


@scenario("boundary events need a host and an event")
async def _(run: Run) -> None:
    await run.deploy(line(job("t"), more=boundary("b", "nowhere", on_duration("PT1S"))))
    await run.deploy(line(job("t"), more=boundary("b", "s", on_duration("PT1S"))))
    await run.deploy(line(job("t"), more=boundary("b", "t", "")))
    await run.deploy(
        bpmn(start() + job("t") + boundary("b", "t", on_duration("PT1S")) + end(), "s>t t>e t>b")
    )


@scenario("an event-based gateway needs two events behind it")
async def _(run: Run) -> None:
    wait = catch("a", on_duration("PT1S"))
    await run.deploy(bpmn(start() + gateway("eventBased", "g") + wait + end(), "s>g g>a a>e"))
    await run.deploy(
        bpmn(start() + gateway("eventBased", "g") + wait + job("t") + end(), "s>g g>a g>t a>e t>e")
    )


@scenario("sub-processes need one start without an event")
async def _(run: Run) -> None:
    await run.deploy(line(sub("box", job("t"))))
    await run.deploy(line(sub("box", start("is", on_duration("PT1S")) + job("t"), "is>t")))
    await run.deploy(line(sub("box", start("is") + start("is2") + job("t"), "is>t is2>t")))


@scenario("a multi-instance needs a collection")
async def _(run: Run) -> None:
    await run.deploy(line(job("t", inner=each(""))))
    await run.deploy(line(job("t", inner=each("=items", collect=("results", "")))))


@scenario("a condition is needed on every flow but the default one")
async def _(run: Run) -> None:
    body = start() + gateway("exclusive", "g") + job("a") + job("b") + end()
    await run.deploy(bpmn(body, "s>g g>a g>b a>e b>e"))
    await run.deploy(bpmn(body + flow("g", "a", "x") + flow("g", "b"), "s>g a>e b>e"))


@scenario("a process that is not executable is not deployed")
async def _(run: Run) -> None:
    model = task().replace(b'isExecutable="true"', b'isExecutable="false"')
    await run.deploy(model)
    await run.create()


@scenario("one flow out of an exclusive gateway needs no condition")
async def _(run: Run) -> None:
    await run.deploy(bpmn(start() + gateway("exclusive", "g") + job("a") + end(), "s>g g>a a>e"))
    await run.create()
    await run.do("a")


@scenario("call activities and scripts need what they run")
async def _(run: Run) -> None:
    await run.deploy(line(element("callActivity", "c")))
    await run.deploy(line(element("callActivity", "c", extensions='<zeebe:calledElement processId=""/>')))
    await run.deploy(line(element("scriptTask", "c")))
    await run.deploy(
        line(element("scriptTask", "c", extensions='<zeebe:script expression="=1" resultVariable=""/>'))
    )


@scenario("an element without an outgoing flow ends its path")
async def _(run: Run) -> None:
    await run.deploy(bpmn(start() + job("t"), "s>t"))
    await run.create()
    await run.do("t", {"a": 1})


@scenario("a fault names its file, the others are not deployed either")
async def _(run: Run) -> None:
    await run.deploy(line(job("t"), id="q"), b"nonsense")
    await run.create(process="q")
