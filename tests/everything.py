"""A model with every element and attribute that can be drawn, for whoever has to carry all of them."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

from msgspec import Struct, structs

from procession.model import (
    Body,
    CalledElement,
    Error,
    Expression,
    FlowNode,
    IoMapping,
    JobDefinition,
    Kind,
    Message,
    MultiInstance,
    Process,
    Script,
    SequenceFlow,
    Signal,
    Terminate,
    Timer,
    TimerKind,
)

KEY = Expression("key")
ITEMS = (1, 2, 3)
"""What an instance needs as its variable `items`; `key` correlates, `amount` decides."""
JOBS = (
    *("reserve", "scripted", "sent", "rated"),
    *("packed", "packed", "packed", "called", "thrown", "ended"),
)
"""The types of the jobs on the way through, in the order they come up, besides one user task."""


def everything(id: str) -> tuple[Process, ...]:
    """The process `id`, and the one it calls. Types of jobs, messages and signals begin with its id."""
    return (_main(id), _called(id))


def _main(id: str) -> Process:
    nodes = [
        node(
            "start", Kind.START_EVENT, name="Order placed", outputs=(IoMapping(Expression("amount"), "sum"),)
        ),
        node("byMessage", Kind.START_EVENT, events=(Message(name=f"{id}-begin"),)),
        node("bySignal", Kind.START_EVENT, events=(Signal(name=f"{id}-begin"),)),
        _reserve(id),
        *_boundaries(id),
        *_choice(id),
        *_parallel(id),
        _packing(id),
        _inclusive(),
        _failing(),
        node("failed", Kind.BOUNDARY_EVENT, attached_to="failing", events=(Error(code="broken"),)),
        node("failedAnyhow", Kind.BOUNDARY_EVENT, attached_to="failing", events=(Error(code=None),)),
        node("call", Kind.CALL_ACTIVITY, called=_call(id), inputs=(IoMapping(Expression("sum"), "sum"),)),
        *_race(id),
        node("thrown", Kind.THROW_EVENT, events=(Message(name=None),), job=_job(id, "thrown")),
        node("passed", Kind.THROW_EVENT),
        node("told", Kind.THROW_EVENT, events=(Signal(name=Expression(f'"{id}-" + key')),)),
        node("ended", Kind.END_EVENT, events=(Message(name="ended"),), job=_job(id, "ended")),
        node("aborted", Kind.END_EVENT, events=(Terminate(),)),
        node("tidied", Kind.END_EVENT),
        node("signalled", Kind.END_EVENT, events=(Signal(name=f"{id}-late"),)),
    ]
    flows = [
        *_path("start", "reserve", "choice"),
        *_path("byMessage", "reserve"),
        *_path("bySignal", "reserve"),
        flow("choice", "scripted", name='more than 10 < 20 & "all"', condition="sum > 10"),
        flow("choice", "manual", name="otherwise"),
        *_path("scripted", "fromScript", "merge"),
        *_path("manual", "merge", "fork"),
        *(one for way in ("user", "sent", "rated", "plain") for one in _path("fork", way, "join")),
        *_path("join", "receive", "packing", "inclusive", "failing", "tidied"),
        *_path("failed", "call", "race"),
        *(one for way in ("late", "arrived", "heard") for one in _path("race", way, "thrown")),
        *_path("thrown", "passed", "told", "ended"),
        *_path("failedAnyhow", "aborted"),
        *(one for event in ("soldOut", "atDate", "reminder") for one in _path(event, "aborted")),
        *(one for event in ("recalled", "closed") for one in _path(event, "signalled")),
    ]
    body = connected(nodes, flows)
    return Process(id=id, name="Everything <there> is & more", version_tag="1.0-β", body=body)


def _reserve(id: str) -> FlowNode:
    job = JobDefinition(
        type=Expression(f'"{id}-" + "reserve"'),
        retries="5",
        headers=(("topic", "stock"), ("quote", "\"<&>'\n\tżółć 😀")),
    )
    return node(
        "reserve",
        Kind.SERVICE_TASK,
        name="Reserve\nstock",
        job=job,
        inputs=(IoMapping(Expression("sum"), "order.sum"), IoMapping("constant", "word")),
        outputs=(IoMapping(Expression('{"a": order.sum}'), "reserved"),),
    )


def _boundaries(id: str) -> Iterable[FlowNode]:
    never = Timer(kind=TimerKind.DATE, value="2099-12-31T00:00:00Z")
    hourly = Timer(kind=TimerKind.CYCLE, value="R/PT1H")
    message = Message(name=f"{id}-recall", correlation_key=KEY)
    yield node("soldOut", Kind.BOUNDARY_EVENT, "Sold out", attached_to="reserve", events=(Error(code="out"),))
    yield node("atDate", Kind.BOUNDARY_EVENT, attached_to="reserve", events=(never,))
    yield node("reminder", Kind.BOUNDARY_EVENT, attached_to="reserve", events=(hourly,), interrupting=False)
    yield node("recalled", Kind.BOUNDARY_EVENT, attached_to="reserve", events=(message,), interrupting=False)
    closed = (Signal(name=f"{id}-closed"),)
    yield node("closed", Kind.BOUNDARY_EVENT, attached_to="reserve", events=closed, interrupting=False)


def _choice(id: str) -> Iterable[FlowNode]:
    yield node("choice", Kind.EXCLUSIVE_GATEWAY, name="How much?", default_flow="choice_manual")
    yield node(
        "scripted", Kind.SCRIPT_TASK, job=JobDefinition(type=f"{id}-scripted", retries=Expression("2"))
    )
    script = Script(expression=Expression('if sum < 20 then "few" else "many"'), result="size")
    yield node("fromScript", Kind.SCRIPT_TASK, script=script)
    yield node("manual", Kind.MANUAL_TASK)
    yield node("merge", Kind.EXCLUSIVE_GATEWAY)


def _parallel(id: str) -> Iterable[FlowNode]:
    yield node("fork", Kind.PARALLEL_GATEWAY)
    user = JobDefinition(type="io.camunda.zeebe:userTask", retries="1", headers=(("form", "address"),))
    yield node("user", Kind.USER_TASK, job=user)
    sent = _job(id, "sent", priority="10")
    yield node("sent", Kind.SEND_TASK, events=(Message(name=None),), job=sent)
    yield node("rated", Kind.BUSINESS_RULE_TASK, job=_job(id, "rated"))
    yield node("plain", Kind.TASK, name="Nothing")
    yield node("join", Kind.PARALLEL_GATEWAY)
    paid = Message(name=f"{id}-paid", correlation_key=KEY)
    yield node("receive", Kind.RECEIVE_TASK, events=(paid,), outputs=(IoMapping(Expression("by"), "payer"),))


def _packing(id: str) -> FlowNode:
    loop = MultiInstance(
        sequential=True,
        collection=Expression("items"),
        input_element="item",
        output_collection="packed",
        output_element=Expression("item * 2"),
        completion_condition=Expression("numberOfCompletedInstances > 9"),
    )
    nodes = [
        node("packingStart", Kind.START_EVENT),
        node("pack", Kind.SERVICE_TASK, job=_job(id, "packed")),
        node("packingEnd", Kind.END_EVENT),
    ]
    body = connected(nodes, _path("packingStart", "pack", "packingEnd"))
    return node("packing", Kind.SUB_PROCESS, name="Pack each item", loop=loop, body=body)


def _inclusive() -> FlowNode:
    """In a sub-process that waits for all branches, because Zeebe joins none."""
    nodes = [
        node("inclusiveStart", Kind.START_EVENT),
        node("some", Kind.INCLUSIVE_GATEWAY, default_flow="some_neither"),
        *(node(name, Kind.END_EVENT) for name in ("big", "keyed", "neither")),
    ]
    flows = [
        *_path("inclusiveStart", "some"),
        flow("some", "big", condition="sum > 1"),
        flow("some", "keyed", condition="key != null"),
        flow("some", "neither"),
    ]
    return node("inclusive", Kind.SUB_PROCESS, body=connected(nodes, flows))


def _failing() -> FlowNode:
    nodes = [
        node("failingStart", Kind.START_EVENT),
        node("broken", Kind.END_EVENT, events=(Error(code="broken"),)),
    ]
    return node("failing", Kind.SUB_PROCESS, body=connected(nodes, _path("failingStart", "broken")))


def _call(id: str) -> CalledElement:
    return CalledElement(process_id=f"{id}-called", propagate_parent=False, propagate_child=False)


def _race(id: str) -> Iterable[FlowNode]:
    yield node("race", Kind.EVENT_BASED_GATEWAY)
    soon = Timer(kind=TimerKind.DURATION, value=Expression('duration("PT0.1S")'))
    yield node("late", Kind.CATCH_EVENT, name="Nobody came", events=(soon,))
    arrived = Message(name=Expression(f'"{id}-" + key'), correlation_key=KEY)
    yield node("arrived", Kind.CATCH_EVENT, events=(arrived,))
    yield node("heard", Kind.CATCH_EVENT, events=(Signal(name=f"{id}-heard"),))


def _called(id: str) -> Process:
    nodes = [
        node("calledStart", Kind.START_EVENT),
        node("calledJob", Kind.SERVICE_TASK, job=_job(id, "called")),
        node("calledEnd", Kind.END_EVENT),
    ]
    return Process(id=f"{id}-called", body=connected(nodes, _path("calledStart", "calledJob", "calledEnd")))


def _job(id: str, word: str, **fields: Any) -> JobDefinition:
    return JobDefinition(type=f"{id}-{word}", **fields)


def node(id: str, kind: Kind, name: str | None = None, **fields: Any) -> FlowNode:
    return FlowNode(id=id, kind=kind, name=name, **fields)


def flow(source: str, target: str, name: str | None = None, condition: str | None = None) -> SequenceFlow:
    """A flow `source_target`."""
    expression = None if condition is None else Expression(condition)
    return SequenceFlow(
        id=f"{source}_{target}", source=source, target=target, name=name, condition=expression
    )


def _path(*ids: str) -> list[SequenceFlow]:
    return [flow(source, target) for source, target in pairwise(ids)]


def connected(nodes: Iterable[FlowNode], flows: Iterable[SequenceFlow]) -> Body:
    """A body whose nodes know their flows."""

    flows = tuple(flows)
    return Body(
        nodes=tuple(
            structs.replace(
                one,
                incoming=tuple(flow.id for flow in flows if flow.target == one.id),
                outgoing=tuple(flow.id for flow in flows if flow.source == one.id),
            )
            for one in nodes
        ),
        flows=flows,
    )


def without_lines(value: Any) -> Any:
    """A model without the lines its parts stand on."""

    if isinstance(value, tuple):
        return tuple(without_lines(item) for item in value)
    if not isinstance(value, Struct):
        return value
    fields = {name: without_lines(field) for name, field in structs.asdict(value).items()}
    return structs.replace(value, **(fields | ({"line": None} if "line" in fields else {})))
