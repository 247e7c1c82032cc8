"""FEEL: every expression of a model must compile."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from procession.bpmn.quoting import quoted
from procession.bpmn.rules.scope import Scope
from procession.errors import ExpressionInvalid
from procession.model import Body, Expression, Fault, FlowNode, SequenceFlow


def expressions_compile(scope: Scope) -> Iterator[Fault]:
    elements: tuple[FlowNode | SequenceFlow, ...] = (*scope.body.nodes, *scope.body.flows)
    for element in elements:
        for expression in _expressions(element):
            yield from _compiles(scope, element, expression)


def _compiles(scope: Scope, element: FlowNode | SequenceFlow, expression: Expression) -> Iterator[Fault]:
    from procession.feel import compile as compile_feel  # only models with expressions pay for FEEL

    try:
        compile_feel(expression.text)
    except ExpressionInvalid as error:
        message = f"FEEL {quoted(expression.text)}: {error.message}"
        yield scope.fault(element, message, expression.line)


def _expressions(value: object) -> Iterator[Expression]:
    """Every expression held by a model value, except in nested bodies, which are scopes of their own."""
    if isinstance(value, Expression):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from _expressions(item)
    elif isinstance(value, msgspec.Struct) and not isinstance(value, Body):
        for name in value.__struct_fields__:
            yield from _expressions(getattr(value, name))


RULES = (expressions_compile,)
