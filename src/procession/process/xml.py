"""Process models as BPMN 2.0 XML. To be replaced by `procession.bpmn.write`, which also draws: the same
signature. It writes what step processes and channels consist of, nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lxml import etree
from lxml.etree import _Element as Element

from procession.bpmn.names import BPMN, ZEEBE
from procession.model import Expression, FlowNode, Process

_NAMESPACES: Any = {None: BPMN, "zeebe": ZEEBE}  # the stubs know no default namespace


def write(processes: Iterable[Process]) -> bytes:
    """One file with all the processes."""
    root = etree.Element(f"{{{BPMN}}}definitions", nsmap=_NAMESPACES)
    root.set("id", "definitions")
    root.set("targetNamespace", "http://procession.invalid/process")
    for process in processes:
        _process(root, process)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)


def _process(root: Element, process: Process) -> None:
    element = _add(root, BPMN, "process", id=process.id, name=process.name, isExecutable="true")
    if process.version_tag is not None:
        _add(_add(element, BPMN, "extensionElements"), ZEEBE, "versionTag", value=process.version_tag)
    for node in process.body.nodes:
        _node(element, node)
    for flow in process.body.flows:
        _add(element, BPMN, "sequenceFlow", id=flow.id, sourceRef=flow.source, targetRef=flow.target)


def _node(parent: Element, node: FlowNode) -> None:
    element = _add(parent, BPMN, node.kind, id=node.id, name=node.name)
    if node.job is not None:
        holder = _add(element, BPMN, "extensionElements")
        _add(holder, ZEEBE, "taskDefinition", type=_text(node.job.type), retries=_text(node.job.retries))
        if node.job.headers:
            headers = _add(holder, ZEEBE, "taskHeaders")
            for key, value in node.job.headers:
                _add(headers, ZEEBE, "header", key=key, value=value)
        if node.outputs:
            mapping = _add(holder, ZEEBE, "ioMapping")
            for one in node.outputs:
                _add(mapping, ZEEBE, "output", source=_text(one.source), target=one.target)
    for flow_id in node.incoming:
        _add(element, BPMN, "incoming").text = flow_id
    for flow_id in node.outgoing:
        _add(element, BPMN, "outgoing").text = flow_id


def _text(value: str | Expression) -> str:
    return f"={value.text}" if isinstance(value, Expression) else value


def _add(parent: Element, namespace: str, tag: str, /, **attributes: str | None) -> Element:
    given = {name: value for name, value in attributes.items() if value is not None}
    return etree.SubElement(parent, f"{{{namespace}}}{tag}", given)
