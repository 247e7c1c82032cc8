"""Multi-instance markers (BPMN 2.0 section 10.3.8)."""

from __future__ import annotations

from lxml.etree import _Element as Element
from msgspec import structs

from procession.bpmn.context import Context
from procession.bpmn.names import child, extension, line_of, text
from procession.bpmn.quoting import quoted
from procession.model import Expression, FlowNode, MultiInstance, text_or_expression

_DEFAULT_BEHAVIOR = "All"


def loop(node: FlowNode, element: Element, context: Context) -> FlowNode:
    """The multi-instance marker of an activity; a standard loop is refused."""
    if (standard := child(element, "standardLoopCharacteristics")) is not None:
        context.refuse(element, "standardLoopCharacteristics is not supported by this version", at=standard)
    marker = child(element, "multiInstanceLoopCharacteristics")
    if marker is None:
        return node
    behavior = marker.get("behavior", _DEFAULT_BEHAVIOR)
    if behavior != _DEFAULT_BEHAVIOR:
        context.refuse(
            element, f"multi-instance behavior {quoted(behavior)} is not supported by this version", at=marker
        )
    return structs.replace(node, loop=_multi_instance(element, marker, context))


def _multi_instance(element: Element, marker: Element, context: Context) -> MultiInstance:
    # Without the extension every attribute reads as absent, so the marker itself can stand in for it.
    found = extension(marker, "loopCharacteristics")
    zeebe = marker if found is None else found
    return MultiInstance(
        sequential=context.flag(marker, "isSequential", False, of=element),
        collection=context.feel(element, zeebe, "inputCollection"),
        cardinality=_cardinality(marker),
        input_element=zeebe.get("inputElement", "").strip() or None,
        output_collection=zeebe.get("outputCollection", "").strip() or None,
        output_element=context.feel(element, zeebe, "outputElement"),
        completion_condition=condition(child(marker, "completionCondition")),
        line=line_of(marker),
    )


def _cardinality(marker: Element) -> Expression | str | None:
    found = child(marker, "loopCardinality")
    return None if found is None else text_or_expression(text(found), line_of(found))


def condition(element: Element | None) -> Expression | None:
    """A condition element; it is FEEL with or without the leading `=`."""
    if element is None:
        return None
    return Expression(text(element).removeprefix("=").strip(), line_of(element))
