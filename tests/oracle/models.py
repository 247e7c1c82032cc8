"""Models that scenarios share."""

from __future__ import annotations

import itertools
import re

from tests.building import bpmn, connect, end, io, job, process, start

_ID = re.compile(r' id="([^"]+)"')


def first_id(element: str) -> str:
    found = _ID.search(element)
    if found is None:
        raise ValueError(f"no id in {element}")
    return found.group(1)


def chain(*elements: str) -> str:
    """The flows that connect elements in their order."""
    ids = [first_id(one) for one in elements]
    return connect(" ".join(f"{a}>{b}" for a, b in itertools.pairwise(ids)))


def line(*elements: str, more: str = "", id: str = "p", definitions: str = "") -> bytes:
    """A file with one process: start event `s`, the elements one after another, end event `e`.

    `more` are elements and flows beside them."""
    return bpmn(inner_line(*elements) + more, id=id, definitions=definitions)


def inner_line(*elements: str, s: str = "s", e: str = "e") -> str:
    """The same as what stands inside a process or sub-process."""
    parts = (start(s), *elements, end(e))
    return "".join(parts) + chain(*parts)


def line_process(*elements: str, id: str, more: str = "") -> str:
    """The same as a process, for a file with several: its start and end are `<id>_s` and `<id>_e`."""
    return process(inner_line(*elements, s=f"{id}_s", e=f"{id}_e") + more, id=id)


def task(id: str = "t", mappings: str = "") -> bytes:
    """A process of one job."""
    return line(job(id, mappings=mappings))


def headers(**values: str) -> str:
    written = "".join(f'<zeebe:header key="{key}" value="{value}"/>' for key, value in values.items())
    return f"<zeebe:taskHeaders>{written}</zeebe:taskHeaders>"


def signal(name: str) -> str:
    """A signal definition whose id is its name."""
    return f'<signal id="{name}" name="{name}"/>'


def on_signal(name: str) -> str:
    return f'<signalEventDefinition signalRef="{name}"/>'


def end_with(inner: str, id: str = "e", mappings: str = "") -> str:
    """An end event with an event definition."""
    return end(id, inner, io=io(mappings) if mappings else "")
