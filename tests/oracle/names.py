"""Names of a scenario's own: models and commands say `ship`, the servers see `ship_z3f01z`.

So any number of scenarios run beside each other, and none meets what another left.
"""

from __future__ import annotations

import itertools
import secrets

from lxml import etree

from procession.bpmn.names import BPMN, ZEEBE

_run = secrets.token_hex(3)
_numbers = itertools.count(1)

_NAMED = (
    (f"{{{BPMN}}}process", "id"),
    (f"{{{BPMN}}}message", "name"),
    (f"{{{BPMN}}}signal", "name"),
    (f"{{{ZEEBE}}}taskDefinition", "type"),
    (f"{{{ZEEBE}}}calledElement", "processId"),
)


def new_suffix() -> str:
    return f"_z{_run}{next(_numbers):04x}z"


def own(model: bytes, suffix: str) -> bytes:
    """A model whose process ids, message and signal names, job types and called processes end in `suffix`.

    Expressions stay as they are; they can append the variable `suffix`. What is no XML stays as it is.
    """
    try:
        root = etree.fromstring(model)
    except etree.XMLSyntaxError:
        return model
    for tag, attribute in _NAMED:
        for element in root.iter(tag):
            value = element.get(attribute)
            if value and not value.startswith("="):
                element.set(attribute, value + suffix)
    _name_flows(root)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def _name_flows(root: etree._Element) -> None:
    """Let each element name the flows that come and go, as every modeller writes it: Zeebe reads that."""
    elements = {element.get("id"): element for element in root.iter(f"{{{BPMN}}}*")}
    for flow in list(root.iter(f"{{{BPMN}}}sequenceFlow")):
        _name_flow(elements.get(flow.get("targetRef")), "incoming", flow)
        _name_flow(elements.get(flow.get("sourceRef")), "outgoing", flow)


def _name_flow(element: etree._Element | None, direction: str, flow: etree._Element) -> None:
    if element is None:
        return
    before = {f"{{{BPMN}}}{tag}" for tag in ("extensionElements", "incoming", direction)}
    at = sum(child.tag in before for child in element)
    name = etree.Element(f"{{{BPMN}}}{direction}")
    name.text = flow.get("id")
    element.insert(at, name)
