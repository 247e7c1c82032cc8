"""A business case class as a BPMN process: stages around one place where the case goes on.

A stage's job decides with its variables where the token goes next, so the diagram is the same loop for all
cases: choose the stage, run it, then wait for a reply or a time if that was asked for, and choose again.
A reply can be caught from the very moment the request is on its way: both begin in one transaction.
"""

from __future__ import annotations

from procession.model import (
    Expression,
    FlowNode,
    IoMapping,
    JobDefinition,
    Kind,
    Message,
    Process,
    SequenceFlow,
    Timer,
    TimerKind,
)
from procession.process.cases.blueprint import CaseBlueprint, Stage
from procession.process.cases.progress import Move
from procession.process.diagrams import body, flow

START, CHOOSE, DECIDE, DELAY = "case-started", "choose-stage", "what-next", "wait-delay"
ASK, SEND, AWAIT, REPLY, LATE = "ask-service", "send-request", "await-reply", "got-reply", "reply-late"
ANSWERED, GO_ON, FINISHED, FAILED = "was-answered", "go-on", "case-finished", "case-failed"
"""Ids of the elements around the stages: with hyphens, so that no stage has one of them."""
_TRIES = 50


def compile(blueprint: CaseBlueprint) -> Process:
    """The process to deploy."""
    nodes = [
        FlowNode(id=START, kind=Kind.START_EVENT),
        FlowNode(id=CHOOSE, kind=Kind.EXCLUSIVE_GATEWAY, name="Which stage?"),
        *(_stage(blueprint, one) for one in blueprint.stages),
        FlowNode(
            id=DECIDE, kind=Kind.EXCLUSIVE_GATEWAY, name="And then?", default_flow=flow(DECIDE, CHOOSE).id
        ),
        *_delay(),
        *_request(blueprint),
        FlowNode(id=FINISHED, kind=Kind.END_EVENT, name="Finished"),
        FlowNode(id=FAILED, kind=Kind.END_EVENT, name="Failed"),
    ]
    return Process(
        id=blueprint.process_id,
        name=blueprint.label,
        version_tag=blueprint.api,
        body=body(nodes, _flows(blueprint)),
    )


def _stage(blueprint: CaseBlueprint, stage: Stage) -> FlowNode:
    return FlowNode(
        id=stage.name,
        kind=Kind.SERVICE_TASK,
        name=stage.name.replace("_", " ").capitalize(),
        job=JobDefinition(
            type=blueprint.job_type(stage),
            retries=str(_TRIES),
            priority=Expression("if case.priority = null then 50 else case.priority"),
        ),
    )


def _delay() -> list[FlowNode]:
    wait = Timer(kind=TimerKind.DURATION, value=Expression("duration(case.delay)"))
    return [FlowNode(id=DELAY, kind=Kind.CATCH_EVENT, name="Later", events=(wait,))]


def _request(blueprint: CaseBlueprint) -> list[FlowNode]:
    reply = Message(name=blueprint.reply_name, correlation_key=Expression("request.task"))
    wait = Timer(kind=TimerKind.DURATION, value=Expression("duration(request.wait)"))
    late = IoMapping(Expression("{late: true}"), "reply")
    return [
        FlowNode(id=ASK, kind=Kind.PARALLEL_GATEWAY),
        FlowNode(
            id=SEND,
            kind=Kind.SEND_TASK,
            name="Send the request",
            job=JobDefinition(type=blueprint.send_type, retries=str(_TRIES)),
        ),
        FlowNode(id=AWAIT, kind=Kind.EVENT_BASED_GATEWAY),
        FlowNode(id=REPLY, kind=Kind.CATCH_EVENT, name="Reply", events=(reply,)),
        FlowNode(id=LATE, kind=Kind.CATCH_EVENT, name="No reply in time", events=(wait,), outputs=(late,)),
        FlowNode(id=ANSWERED, kind=Kind.EXCLUSIVE_GATEWAY),
        FlowNode(id=GO_ON, kind=Kind.PARALLEL_GATEWAY),
    ]


def _flows(blueprint: CaseBlueprint) -> list[SequenceFlow]:
    flows = [flow(START, CHOOSE)]
    for stage in blueprint.stages:
        chosen = f'case.stage = "{stage.name}"'
        if stage.name == blueprint.first:  # started by somebody who knows nothing of stages
            chosen = f"case = null or {chosen}"
        flows += [flow(CHOOSE, stage.name, chosen), flow(stage.name, DECIDE)]
    flows += [
        flow(DECIDE, CHOOSE),
        _moved(Move.DELAY, DELAY),
        flow(DELAY, CHOOSE),
        _moved(Move.REQUEST, ASK),
        flow(ASK, SEND),
        flow(ASK, AWAIT),
        flow(AWAIT, REPLY),
        flow(AWAIT, LATE),
        flow(REPLY, ANSWERED),
        flow(LATE, ANSWERED),
        flow(SEND, GO_ON),
        flow(ANSWERED, GO_ON),
        flow(GO_ON, CHOOSE),
        _moved(Move.FINISH, FINISHED),
        _moved(Move.FAIL, FAILED),
    ]
    return flows


def _moved(move: Move, target: str) -> SequenceFlow:
    return flow(DECIDE, target, f'case.move = "{move}"')
