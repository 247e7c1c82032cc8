"""Validation: what makes a process unfit to run. Every rule looks at one scope and yields its faults."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from procession.bpmn.rules import activities, boundaries, events, expressions, flows, gateways, starts, tasks
from procession.bpmn.rules.scope import Scope, scopes
from procession.model import Fault, Process

Rule = Callable[[Scope], Iterator[Fault]]

RULES: tuple[Rule, ...] = (
    *starts.RULES,
    *flows.RULES,
    *gateways.RULES,
    *events.RULES,
    *boundaries.RULES,
    *tasks.RULES,
    *activities.RULES,
    *expressions.RULES,
)


def check(process: Process, resource: str, incomplete: frozenset[str] = frozenset()) -> Iterator[Fault]:
    """Apply every rule to the process and to each sub-process in it.

    `incomplete` are ids of elements that were refused while reading and miss a part; rules do not guess it.
    """
    for scope in scopes(process, resource, incomplete):
        for rule in RULES:
            yield from rule(scope)
