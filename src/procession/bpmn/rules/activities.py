"""Mappings and multi-instance markers."""

from __future__ import annotations

from collections.abc import Iterator

from procession.bpmn.quoting import quoted
from procession.bpmn.rules.scope import Scope
from procession.bpmn.rules.values import is_name, is_path, is_whole
from procession.model import Fault, FlowNode, MultiInstance


def mappings_have_a_target(scope: Scope) -> Iterator[Fault]:
    for node in scope.body.nodes:
        for mapping in (*node.inputs, *node.outputs):
            if not is_path(mapping.target):
                message = f"mapping target {quoted(mapping.target)} must be a name or a dotted path of names"
                yield scope.fault(node, message, mapping.line)


def _loops(scope: Scope) -> Iterator[tuple[FlowNode, MultiInstance]]:
    return ((node, node.loop) for node in scope.body.nodes if node.loop is not None)


def loops_know_how_often(scope: Scope) -> Iterator[Fault]:
    for node, loop in _loops(scope):
        if loop.collection is not None and loop.cardinality is not None:
            message = "the multi-instance has both inputCollection and loopCardinality; keep one of them"
            yield scope.fault(node, message, loop.line)
        elif loop.collection is None and loop.cardinality is None:
            message = "the multi-instance needs zeebe:loopCharacteristics with an inputCollection"
            yield scope.fault(node, f"{message}, or a loopCardinality", loop.line)


def cardinalities_are_positive(scope: Scope) -> Iterator[Fault]:
    for node, loop in _loops(scope):
        if isinstance(loop.cardinality, str) and not is_whole(loop.cardinality, least=1):
            message = (
                f"loopCardinality {quoted(loop.cardinality)} must be a whole number of at least 1, or FEEL"
            )
            yield scope.fault(node, message, loop.line)


def loop_variables_are_names(scope: Scope) -> Iterator[Fault]:
    for node, loop in _loops(scope):
        named = {"inputElement": loop.input_element, "outputCollection": loop.output_collection}
        for attribute, value in named.items():
            if value is not None and not is_name(value):
                yield scope.fault(node, f"{attribute} {quoted(value)} is no variable name", loop.line)


def loop_output_is_complete(scope: Scope) -> Iterator[Fault]:
    for node, loop in _loops(scope):
        if (loop.output_collection is None) != (loop.output_element is None):
            message = "outputCollection and outputElement belong together; give both or none"
            yield scope.fault(node, message, loop.line)


RULES = (
    mappings_have_a_target,
    loops_know_how_often,
    cardinalities_are_positive,
    loop_variables_are_names,
    loop_output_is_complete,
)
