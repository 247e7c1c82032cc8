"""A process as it is drawn: the checker's own reading of BPMN, by nothing but the XML."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

_BPMN = "{http://www.omg.org/spec/BPMN/20100524/MODEL}"
_ZEEBE = "{http://camunda.org/schema/zeebe/1.0}"
_NOT_ELEMENTS = {"sequenceFlow", "extensionElements", "multiInstanceLoopCharacteristics"}
_CONDITION = re.compile(r"=(\w+) = (\d+)")
_SECONDS = re.compile(r"(?:R(\d+)/)?PT([\d.]+)S")


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    id: str
    source: str
    target: str
    condition: tuple[str, int] | None
    """The variable and the number it must equal."""

    def holds(self, facts: dict[str, int]) -> bool:
        return self.condition is not None and facts[self.condition[0]] == self.condition[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Timer:
    milliseconds: int
    repetitions: int


@dataclass(slots=True, kw_only=True)
class Element:
    id: str
    tag: str
    """The BPMN tag: `serviceTask`, `parallelGateway`, ..."""
    container: str
    """The process or sub-process it is drawn in."""
    event: str | None
    """The tag of its event definition."""
    timer: Timer | None
    attached_to: str | None
    interrupts: bool
    default: str | None
    has_job: bool
    looped: bool
    incoming: list[Flow] = field(default_factory=list)
    outgoing: list[Flow] = field(default_factory=list)

    @property
    def joins(self) -> bool:
        return self.tag in ("parallelGateway", "inclusiveGateway") and len(self.incoming) > 1

    @property
    def starts(self) -> bool:
        return self.tag == "startEvent"


@dataclass(slots=True, kw_only=True)
class Drawing:
    """All elements and flows of a file. Ids are unique in it."""

    processes: frozenset[str]
    elements: dict[str, Element]
    flows: dict[str, Flow]

    def begins(self, container: str, elements: tuple[str, ...]) -> Counter[str]:
        """The elements of a container at which tokens begin when a start names such elements: they are in it,
        or in a sub-process of it that is entered once."""
        found: Counter[str] = Counter()
        for element_id in elements:
            inner = self.elements[element_id]
            while inner.container != container and inner.container in self.elements:
                inner = self.elements[inner.container]
            if inner.container != container:
                continue
            found[inner.id] = found[inner.id] + 1 if inner.id == element_id else 1
        return found

    def inside(self, container: str) -> list[Element]:
        return [element for element in self.elements.values() if element.container == container]


def read_drawing(path: Path) -> Drawing:
    root = ET.parse(path).getroot()
    processes = root.findall(f"{_BPMN}process")
    drawing = Drawing(processes=frozenset(p.attrib["id"] for p in processes), elements={}, flows={})
    for process in processes:
        _read_container(process, drawing)
    for flow in drawing.flows.values():
        drawing.elements[flow.source].outgoing.append(flow)
        drawing.elements[flow.target].incoming.append(flow)
    return drawing


def _read_container(container: ET.Element, drawing: Drawing) -> None:
    for part in container:
        tag = part.tag.removeprefix(_BPMN)
        if tag == "sequenceFlow":
            flow = _flow(part)
            drawing.flows[flow.id] = flow
        elif tag not in _NOT_ELEMENTS and "id" in part.attrib:
            element = _element(part, tag, container.attrib["id"])
            drawing.elements[element.id] = element
            if tag == "subProcess":
                _read_container(part, drawing)


def _flow(part: ET.Element) -> Flow:
    found = _CONDITION.fullmatch(part.findtext(f"{_BPMN}conditionExpression") or "")
    return Flow(
        id=part.attrib["id"],
        source=part.attrib["sourceRef"],
        target=part.attrib["targetRef"],
        condition=(found[1], int(found[2])) if found else None,
    )


def _element(part: ET.Element, tag: str, container: str) -> Element:
    events = [child.tag.removeprefix(_BPMN) for child in part if child.tag.endswith("EventDefinition")]
    has_definition = part.find(f"{_BPMN}extensionElements/{_ZEEBE}taskDefinition") is not None
    return Element(
        id=part.attrib["id"],
        tag=tag,
        container=container,
        event=events[0] if events else None,
        timer=_timer(part),
        attached_to=part.get("attachedToRef"),
        interrupts=part.get("cancelActivity") != "false",
        default=part.get("default"),
        has_job=has_definition or tag == "userTask",
        looped=part.find(f"{_BPMN}multiInstanceLoopCharacteristics") is not None,
    )


def _timer(part: ET.Element) -> Timer | None:
    definition = part.find(f"{_BPMN}timerEventDefinition")
    found = _SECONDS.fullmatch("".join(definition.itertext()).strip()) if definition is not None else None
    if found is None:
        return None
    return Timer(milliseconds=round(float(found[2]) * 1000), repetitions=int(found[1] or 1))
