"""What Zeebe's extension elements say: jobs, scripts, calls, mappings, what multi-instances iterate."""

from __future__ import annotations

from lxml.etree import _Element as Element

from procession.bpmn.extensions import USER_TASK_RETRIES, USER_TASK_TYPE
from procession.bpmn.writing.tags import add, add_expression, extend, flag, optional, value_text
from procession.model import (
    DEFAULT_RETRIES,
    CalledElement,
    FlowNode,
    JobDefinition,
    Kind,
    MultiInstance,
    Script,
)


def add_extensions(element: Element, node: FlowNode) -> None:
    """The `extensionElements` of a node, if it needs any. They have to be the first of its children."""
    holder = add(element, "extensionElements")
    if node.job is not None:
        _job(holder, node.job, node.kind)
    if node.script is not None:
        _script(holder, node.script)
    if node.called is not None:
        _called(holder, node.called)
    if node.inputs or node.outputs:
        _mappings(holder, node)
    if not len(holder):
        element.remove(holder)


def _job(holder: Element, job: JobDefinition, kind: Kind) -> None:
    # Zeebe gives user tasks this type and these retries itself, and would not know the definition.
    is_given = kind is Kind.USER_TASK and (job.type, job.retries) == (USER_TASK_TYPE, USER_TASK_RETRIES)
    if not is_given:
        retries = None if job.retries == str(DEFAULT_RETRIES) else value_text(holder, job.retries)
        extend(holder, "taskDefinition", type=value_text(holder, job.type), retries=retries)
    if job.priority is not None:
        extend(holder, "priorityDefinition", priority=value_text(holder, job.priority))
    if job.headers:
        headers = extend(holder, "taskHeaders")
        for key, value in job.headers:
            extend(headers, "header", key=key, value=value)


def _script(holder: Element, script: Script) -> None:
    expression = value_text(holder, script.expression)
    extend(holder, "script", expression=expression, resultVariable=script.result)


def _called(holder: Element, called: CalledElement) -> None:
    extend(
        holder,
        "calledElement",
        processId=value_text(holder, called.process_id),
        propagateAllParentVariables=flag(called.propagate_parent),
        propagateAllChildVariables=flag(called.propagate_child),
    )


def _mappings(holder: Element, node: FlowNode) -> None:
    mapping = extend(holder, "ioMapping")
    for direction, mappings in (("input", node.inputs), ("output", node.outputs)):
        for one in mappings:
            extend(mapping, direction, source=value_text(mapping, one.source), target=one.target)


def add_loop(element: Element, loop: MultiInstance) -> None:
    """The multi-instance marker (BPMN 2.0 section 10.3.8)."""
    marker = add(element, "multiInstanceLoopCharacteristics")
    if loop.sequential:
        marker.set("isSequential", flag(True))
    iterated = {
        "inputCollection": optional(marker, loop.collection),
        "inputElement": loop.input_element,
        "outputCollection": loop.output_collection,
        "outputElement": optional(marker, loop.output_element),
    }
    if any(value is not None for value in iterated.values()):
        extend(add(marker, "extensionElements"), "loopCharacteristics", **iterated)
    if loop.cardinality is not None:
        add_expression(marker, "loopCardinality", loop.cardinality)
    if loop.completion_condition is not None:
        add_expression(marker, "completionCondition", loop.completion_condition)


def add_version_tag(process: Element, tag: str) -> None:
    extend(add(process, "extensionElements"), "versionTag", value=tag)
