"""Parts of a node that stand in `zeebe:` extension elements."""

from __future__ import annotations

from lxml.etree import _Element as Element
from msgspec import structs

from procession.bpmn.context import Context
from procession.bpmn.names import extension, line_of, nested_extensions, reference
from procession.bpmn.quoting import quoted
from procession.model import (
    DEFAULT_RETRIES,
    CalledElement,
    Expression,
    FlowNode,
    IoMapping,
    JobDefinition,
    Message,
    Script,
    text_or_expression,
)

USER_TASK_TYPE = "io.camunda.zeebe:userTask"
"""The job type of a user task that names none (Zeebe behaviour)."""
USER_TASK_RETRIES = "1"
LATEST = "latest"
NOT_CARRIED_OUT = (
    *("executionListeners", "taskListeners", "assignmentDefinition", "taskSchedule"),
    *("formDefinition", "linkedResources"),
)
"""Extensions with a meaning at run time that is not supported; they are ignored with a warning."""


def mappings(node: FlowNode, element: Element, context: Context) -> FlowNode:
    """Input and output mappings."""
    inputs = _mappings(element, "input", context)
    return structs.replace(node, inputs=inputs, outputs=_mappings(element, "output", context))


def output_mappings(node: FlowNode, element: Element, context: Context) -> FlowNode:
    """Output mappings of an event that has no variables of its own before it happens."""
    if (ignored := next(nested_extensions(element, "ioMapping", "input"), None)) is not None:
        context.warn(element, f"input mappings of {node.kind} have no effect", at=ignored)
    return structs.replace(node, outputs=_mappings(element, "output", context))


def _mappings(element: Element, direction: str, context: Context) -> tuple[IoMapping, ...]:
    return tuple(
        IoMapping(_source(element, mapping, context), mapping.get("target", "").strip(), line_of(mapping))
        for mapping in nested_extensions(element, "ioMapping", direction)
    )


def _source(element: Element, mapping: Element, context: Context) -> str | Expression:
    source = mapping.get("source")
    if not source:
        target = mapping.get("target", "")
        context.refuse(element, f"the mapping to {quoted(target)} has no source; name one", at=mapping)
    return text_or_expression(source or "", line_of(mapping))


def without_effect(node: FlowNode, element: Element, context: Context) -> FlowNode:
    """Say which extensions that would change what happens are not carried out."""
    for name in NOT_CARRIED_OUT:
        if (found := extension(element, name)) is not None:
            context.warn(element, f"zeebe:{name} has no effect in this version", at=found)
    return node


def event_job(node: FlowNode, element: Element, context: Context) -> FlowNode:
    """The task definition of an event that throws a message; other events have no use for one."""
    return job(node, element, context) if any(isinstance(event, Message) for event in node.events) else node


def job(node: FlowNode, element: Element, context: Context) -> FlowNode:
    """The task definition, where there is one; a rule says which kinds need it."""
    definition = extension(element, "taskDefinition")
    if definition is None:
        return node
    retries = definition.get("retries", "").strip() or str(DEFAULT_RETRIES)
    return structs.replace(node, job=_job(element, definition.get("type", ""), retries, line_of(definition)))


def user_job(node: FlowNode, element: Element, context: Context) -> FlowNode:
    """A user task is a job; without a task definition it has Zeebe's own type and one retry."""
    if (native := extension(element, "userTask")) is not None:
        context.warn(element, "zeebe:userTask is read as a job-based user task by this version", at=native)
    with_job = job(node, element, context)
    if with_job.job is not None:
        return with_job
    return structs.replace(node, job=_job(element, USER_TASK_TYPE, USER_TASK_RETRIES, node.line))


def _job(element: Element, job_type: str, retries: str, line: int | None) -> JobDefinition:
    priority = extension(element, "priorityDefinition")
    raw = "" if priority is None else priority.get("priority", "").strip()
    return JobDefinition(
        type=text_or_expression(job_type.strip(), line),
        retries=text_or_expression(retries, line),
        priority=text_or_expression(raw, line) if raw else None,
        headers=_headers(element),
        line=line,
    )


def _headers(element: Element) -> tuple[tuple[str, str], ...]:
    pairs = (
        (header.get("key", ""), header.get("value", ""))
        for header in nested_extensions(element, "taskHeaders", "header")
    )
    return tuple((key, value) for key, value in pairs if key and value)


def script(node: FlowNode, element: Element, context: Context) -> FlowNode:
    """A FEEL script, where there is one instead of a task definition."""
    found = extension(element, "script")
    if found is None:
        return node
    result = found.get("resultVariable", "").strip()
    if not found.get("expression", "").strip():
        context.refuse(element, "the script has no expression; write one in FEEL", at=found)
    expression = context.feel(element, found, "expression") or Expression("", line_of(found))
    return structs.replace(node, script=Script(expression=expression, result=result, line=line_of(found)))


def no_decision(node: FlowNode, element: Element, context: Context) -> FlowNode:
    """Decisions are not evaluated yet, so a rule task must be a job."""
    if (decision := extension(element, "calledDecision")) is not None:
        context.leave_out(element, "zeebe:calledDecision is not supported by this version", at=decision)
    return node


def called_element(node: FlowNode, element: Element, context: Context) -> FlowNode:
    """The called process: `zeebe:calledElement`, or the plain attribute of BPMN (section 10.3.6)."""
    found = extension(element, "calledElement")
    if found is None:
        plain = reference(element, "calledElement")
        called = CalledElement(process_id=plain, line=node.line) if plain else None
        return structs.replace(node, called=called)
    binding = found.get("bindingType", LATEST)
    if binding != LATEST:
        context.refuse(
            element,
            f"binding {quoted(binding)} is not supported by this version; use {quoted(LATEST)}",
            at=found,
        )
    return structs.replace(node, called=_called(element, found, context))


def _called(element: Element, found: Element, context: Context) -> CalledElement:
    return CalledElement(
        process_id=text_or_expression(found.get("processId", "").strip(), line_of(found)),
        propagate_parent=context.flag(found, "propagateAllParentVariables", True, of=element),
        propagate_child=context.flag(found, "propagateAllChildVariables", True, of=element),
        line=line_of(found),
    )
