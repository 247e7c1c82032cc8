"""Making XML elements, and refusing what XML cannot carry."""

from __future__ import annotations

from typing import Final

from lxml import etree
from lxml.etree import _Element as Element

from procession.bpmn.characters import FORBIDDEN
from procession.bpmn.names import BPMN, BPMNDI, DC, DI, ZEEBE
from procession.bpmn.quoting import quoted
from procession.errors import InvalidInput
from procession.model import Expression

XSI: Final = "http://www.w3.org/2001/XMLSchema-instance"
MODELER: Final = "http://camunda.org/schema/modeler/1.0"
PREFIXES: Final = {
    "bpmn": BPMN,
    "bpmndi": BPMNDI,
    "dc": DC,
    "di": DI,
    "modeler": MODELER,
    "xsi": XSI,
    "zeebe": ZEEBE,
}


def add(parent: Element, name: str, /, **attributes: str | None) -> Element:
    """A BPMN element in `parent`; attributes that are None are left out."""
    return make(parent, BPMN, name, attributes)


def extend(parent: Element, name: str, /, **attributes: str | None) -> Element:
    """A `zeebe:` element in `parent`."""
    return make(parent, ZEEBE, name, attributes)


def make(parent: Element, namespace: str, name: str, attributes: dict[str, str | None]) -> Element:
    """An element of any namespace in `parent`."""
    element = etree.SubElement(parent, f"{{{namespace}}}{name}")
    for attribute, value in attributes.items():
        if value is not None:
            element.set(attribute, carried(element, attribute, value))
    return element


def add_expression(parent: Element, name: str, value: str | Expression) -> Element:
    """A BPMN element whose text is a constant or FEEL."""
    element = add(parent, name)
    element.set(f"{{{XSI}}}type", "bpmn:tFormalExpression")
    element.text = carried(element, name, value_text(element, value))
    return element


def value_text(at: Element, value: str | Expression) -> str:
    """A value in Zeebe's spelling: FEEL has a leading `=`.

    Raises:
        InvalidInput: a constant looks like FEEL.
    """
    if isinstance(value, Expression):
        return f"={value.text}"
    if value.lstrip().startswith("="):
        raise InvalidInput(
            f"the constant {quoted(value)} {_place(at)} would be read as FEEL, because it begins with '=';"
            " write it as a FEEL text in an Expression"
        )
    return value


def optional(at: Element, value: str | Expression | None) -> str | None:
    """The same for what may be missing."""
    return None if value is None else value_text(at, value)


def flag(value: bool) -> str:
    return "true" if value else "false"


def carried(element: Element, what: str, text: str) -> str:
    """The text, if XML can carry it.

    Raises:
        InvalidInput: it holds a control character or half of a surrogate pair.
    """
    if found := FORBIDDEN.search(text):
        raise InvalidInput(
            f"the {what} {quoted(text)} {_place(element)} holds the character U+{ord(found[0]):04X},"
            " which XML cannot carry; remove it"
        )
    return text


def _place(element: Element) -> str:
    while not element.get("id") and (parent := element.getparent()) is not None:
        element = parent
    return f"of {quoted(element.get('id', etree.QName(element).localname))}"
