"""Namespaces, and small questions asked of XML elements."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from lxml import etree
from lxml.etree import _Element as Element

BPMN = "http://www.omg.org/spec/BPMN/20100524/MODEL"
ZEEBE = "http://camunda.org/schema/zeebe/1.0"
BPMNDI = "http://www.omg.org/spec/BPMN/20100524/DI"
DC = "http://www.omg.org/spec/DD/20100524/DC"
DI = "http://www.omg.org/spec/DD/20100524/DI"


def local(element: Element) -> str:
    """The element's name without its namespace."""
    return str(etree.QName(element).localname)


def is_bpmn(element: Element) -> bool:
    return etree.QName(element).namespace == BPMN


def children(element: Element, name: str) -> list[Element]:
    """The BPMN children with that name, in document order."""
    return list(element.iterchildren(f"{{{BPMN}}}{name}"))


def child(element: Element, name: str) -> Element | None:
    """The first BPMN child with that name."""
    return next(iter(element.iterchildren(f"{{{BPMN}}}{name}")), None)


def extensions(element: Element, name: str) -> Iterator[Element]:
    """All `zeebe:` extension elements with that name, in document order."""
    # Walked by hand: most elements have no extensions, and a path query costs ten times as much.
    for holder in element.iterchildren(f"{{{BPMN}}}extensionElements"):
        yield from holder.iterchildren(f"{{{ZEEBE}}}{name}")


def extension(element: Element, name: str) -> Element | None:
    """The first `zeebe:` extension element with that name."""
    return next(extensions(element, name), None)


def nested_extensions(element: Element, outer: str, inner: str) -> Iterator[Element]:
    """All `zeebe:inner` inside the element's `zeebe:outer`, in document order."""
    for holder in extensions(element, outer):
        yield from holder.iterchildren(f"{{{ZEEBE}}}{inner}")


def id_of(element: Element) -> str:
    """The element's id; empty when it has none."""
    return element.get("id", "").strip()


def text(element: Element) -> str:
    """The element's own text, trimmed."""
    return (element.text or "").strip()


def reference(element: Element, name: str) -> str | None:
    """An attribute that refers to another element's id; a namespace prefix on it is dropped."""
    raw = element.get(name, "").strip()
    return raw.rpartition(":")[2] or None


def line_of(element: Element) -> int | None:
    """The 1-based line the element's start tag is on."""
    return cast("int | None", element.sourceline)  # the stubs leave this attribute's type open
