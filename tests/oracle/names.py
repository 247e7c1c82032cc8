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
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")
