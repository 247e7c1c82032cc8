"""Jobs, scripts and called processes: what a task needs to be carried out."""

from __future__ import annotations

from collections.abc import Iterator

from procession.bpmn.quoting import quoted
from procession.bpmn.rules.scope import Scope
from procession.bpmn.rules.values import is_name, is_whole
from procession.model import Expression, Fault, FlowNode, Kind, Message

_NEEDS_TYPE = frozenset({Kind.SERVICE_TASK, Kind.SEND_TASK, Kind.BUSINESS_RULE_TASK, Kind.USER_TASK})
_THROWS = frozenset({Kind.THROW_EVENT, Kind.END_EVENT})


def jobs_have_a_type(scope: Scope) -> Iterator[Fault]:
    for node in scope.body.nodes:
        if node.id in scope.incomplete:
            continue
        has_type = node.job is not None and node.job.type
        if not has_type and (node.job is not None or _needs_type(node)):
            yield scope.fault(node, "missing task type; add zeebe:taskDefinition with a type")


def _needs_type(node: FlowNode) -> bool:
    throws_message = node.kind in _THROWS and any(isinstance(event, Message) for event in node.events)
    return node.kind in _NEEDS_TYPE or throws_message


def scripts_are_scripts_or_jobs(scope: Scope) -> Iterator[Fault]:
    for node in scope.of_kind(Kind.SCRIPT_TASK):
        if node.script is None and node.job is None:
            message = "missing script; add zeebe:script, or zeebe:taskDefinition with a task type"
            yield scope.fault(node, message)
        if node.script is not None and node.job is not None:
            yield scope.fault(node, "it has both zeebe:script and zeebe:taskDefinition; keep one of them")
        if node.script is not None and not is_name(node.script.result):
            yield scope.fault(
                node, f"resultVariable {quoted(node.script.result)} is no variable name", node.script.line
            )


def retries_are_counts(scope: Scope) -> Iterator[Fault]:
    for node in scope.body.nodes:
        if node.job is None or isinstance(node.job.retries, Expression):
            continue
        if not is_whole(node.job.retries, least=0):
            message = f"retries {quoted(node.job.retries)} must be a whole number of at least 0, or FEEL"
            yield scope.fault(node, message, node.job.line)


def priorities_are_numbers(scope: Scope) -> Iterator[Fault]:
    for node in scope.body.nodes:
        priority = None if node.job is None else node.job.priority
        if isinstance(priority, str) and not is_whole(priority, least=0):
            yield scope.fault(
                node, f"priority {quoted(priority)} must be a whole number of at least 0, or FEEL"
            )


def calls_name_a_process(scope: Scope) -> Iterator[Fault]:
    for node in scope.of_kind(Kind.CALL_ACTIVITY):
        if node.called is None or not node.called.process_id:
            yield scope.fault(node, "missing called process; add zeebe:calledElement with a processId")


RULES = (
    jobs_have_a_type,
    scripts_are_scripts_or_jobs,
    retries_are_counts,
    priorities_are_numbers,
    calls_name_a_process,
)
