"""A whole file: its processes, the definitions they refer to, and the diagram."""

from __future__ import annotations

from collections.abc import Iterable

from lxml import etree
from lxml.etree import _Element as Element

from procession.bpmn.layout import lay_out
from procession.bpmn.names import BPMN
from procession.bpmn.writing.diagram import Collaboration, add_diagram
from procession.bpmn.writing.elements import add_body
from procession.bpmn.writing.extensions import add_version_tag
from procession.bpmn.writing.ids import Ids
from procession.bpmn.writing.roots import Roots
from procession.bpmn.writing.tags import MODELER, PREFIXES, add, flag
from procession.model import Process

_TARGET_NAMESPACE = "http://bpmn.io/schema/bpmn"
_PLATFORM = {"executionPlatform": "Camunda Cloud", "executionPlatformVersion": "8.6.0"}
"""By this Camunda Modeler knows which of its editors, and which checks, are for the file."""


def write(processes: Iterable[Process]) -> bytes:
    """One BPMN 2.0 XML file with executable processes and their diagram.

    `read` answers the same processes from it, line numbers apart. The same processes always make the same
    bytes. Several processes are drawn as pools of a collaboration, because a file has one diagram.
    White space around expressions, names of messages and the like is not kept: no reader does.

    Raises:
        InvalidInput: an id is no XML name or used twice, a text holds a character that XML cannot carry,
            or a constant begins with `=`. The message names the element.
    """
    all_of_them = tuple(processes)
    ids = Ids(all_of_them)
    root = etree.Element(f"{{{BPMN}}}definitions", nsmap=PREFIXES)
    root.set("id", ids.new("Definitions_1"))
    root.set("targetNamespace", _TARGET_NAMESPACE)
    root.set("exporter", "Procession")
    for name, value in _PLATFORM.items():
        root.set(f"{{{MODELER}}}{name}", value)
    collaboration = Collaboration(root, all_of_them, ids) if len(all_of_them) > 1 else None
    roots = Roots(ids)
    for process in all_of_them:
        _process(root, process, roots)
    roots.move_to(root)
    add_diagram(root, all_of_them, lay_out(all_of_them), collaboration, ids)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)


def _process(root: Element, process: Process, roots: Roots) -> None:
    element = add(root, "process", id=process.id, name=process.name, isExecutable=flag(True))
    if process.version_tag is not None:
        add_version_tag(element, process.version_tag)
    add_body(element, process.body, roots)
