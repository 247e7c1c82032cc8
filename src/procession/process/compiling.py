"""A process class as a BPMN process: one service task for each step, in a row."""

from __future__ import annotations

from itertools import pairwise

from procession.model import (
    Expression,
    FlowNode,
    IoMapping,
    JobDefinition,
    Kind,
    Process,
)
from procession.process.blueprint import Blueprint, Step
from procession.process.diagrams import body, flow

START, TURN, END = "start", "turn", "end"
HANDLER, PHASE = "handler", "phase"
"""Task headers: what the fingerprint knows of a step besides its name."""
OUT = ("meta", "status", "result")
"""What a step's outputs let out; its record stays in the scope of its element."""
CHANNEL_JOB = "process-channel"


def compile(blueprint: Blueprint) -> Process:
    """The process to deploy. With a strict channel, its first element waits for its turn there."""
    tasks = [_task(blueprint, step) for step in blueprint.steps]
    if blueprint.kind.channel.fifo:
        tasks.insert(0, _turn(blueprint.kind.channel.name))
    nodes = [
        FlowNode(id=START, kind=Kind.START_EVENT),
        *tasks,
        FlowNode(id=END, kind=Kind.END_EVENT),
    ]
    flows = [flow(one.id, other.id) for one, other in pairwise(nodes)]
    return Process(
        id=blueprint.process_id,
        name=blueprint.label,
        version_tag=blueprint.version_tag,
        body=body(nodes, flows),
    )


def _task(blueprint: Blueprint, step: Step) -> FlowNode:
    return FlowNode(
        id=step.name,
        kind=Kind.SERVICE_TASK,
        name=step.name,
        job=JobDefinition(
            type=blueprint.job_type(step),
            retries=str(step.retry.attempts),
            headers=((PHASE, step.phase), (HANDLER, step.handler)),
        ),
        outputs=tuple(IoMapping(Expression(name), name) for name in OUT),
    )


def _turn(channel: str) -> FlowNode:
    job_type = Expression(f'"{CHANNEL_JOB}." + (if channel = null then "{channel}" else channel)')
    return FlowNode(
        id=TURN, kind=Kind.SERVICE_TASK, name="Wait for the turn", job=JobDefinition(type=job_type)
    )
