"""A BPMN file to executable processes, or to the list of everything that is wrong with it."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from lxml.etree import _Element as Element

from procession.bpmn.context import Context
from procession.bpmn.elements import read_body
from procession.bpmn.names import BPMN, children, extension, id_of, is_bpmn, line_of, local
from procession.bpmn.quoting import quoted
from procession.bpmn.rules import check
from procession.bpmn.xml import Unreadable, parse
from procession.model import Fault, Process


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What a file holds. `processes` is empty when there are faults; each list is ordered by line."""

    processes: tuple[Process, ...] = ()
    """Executable ones only, in document order."""
    faults: tuple[Fault, ...] = ()
    """Each refuses the file."""
    warnings: tuple[Fault, ...] = ()


def read(content: bytes, resource: str) -> Reading:
    """Read and validate one BPMN 2.0 XML file.

    `content` is the file as it is, in any encoding XML allows; `resource` is its name, used in faults.
    Bad content of any sort is answered with faults, never raised.
    """
    try:
        root = parse(content)
    except Unreadable as refusal:
        fault = Fault(resource=resource, line=refusal.line, message=refusal.message)
        return Reading(faults=(fault,))
    if not is_bpmn(root) or local(root) != "definitions":
        message = f"the root element is {quoted(root.tag)}; expected definitions in the namespace {BPMN}"
        return Reading(faults=(Fault(resource=resource, line=line_of(root), message=message),))
    return _read_definitions(root, Context(resource, root))


def _read_definitions(root: Element, context: Context) -> Reading:
    _refuse_shared_ids(root, context)
    elements = [part for part in children(root, "process") if context.flag(part, "isExecutable", False)]
    if not elements:
        context.refuse(root, "no process is executable; set isExecutable to true on the one to run")
    processes = tuple(_process(element, context) for element in elements)
    incomplete = frozenset(context.incomplete)
    rule_findings = (fault for process in processes for fault in check(process, context.resource, incomplete))
    return _answer(processes, [*context.findings, *rule_findings])


def _process(element: Element, context: Context) -> Process:
    if not id_of(element):
        context.refuse(element, "this process has no id; give it one")
    tag = extension(element, "versionTag")
    return Process(
        id=id_of(element),
        name=element.get("name"),
        version_tag=None if tag is None else tag.get("value"),
        body=read_body(element, context),
        line=line_of(element),
    )


def _refuse_shared_ids(root: Element, context: Context) -> None:
    lines: dict[str, int | None] = {}
    for element in root.iter(f"{{{BPMN}}}*"):
        element_id = id_of(element)
        if not element_id:
            continue
        if element_id in lines:
            context.refuse(
                element, f"the id is already used on line {lines[element_id]}; give each element its own"
            )
        lines.setdefault(element_id, line_of(element))


def _answer(processes: tuple[Process, ...], findings: Iterable[Fault]) -> Reading:
    ordered = sorted(findings, key=lambda fault: fault.line or 0)
    faults = tuple(fault for fault in ordered if not fault.warning)
    warnings = tuple(fault for fault in ordered if fault.warning)
    return Reading(processes=() if faults else processes, faults=faults, warnings=warnings)
