"""Compact BPMN for tests: bodies without prefixes, and flows written as `s>t t>e`."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from procession.bpmn import Reading, read
from procession.model import FlowNode, Process

HEAD = (
    '<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" id="defs" targetNamespace="test"'
    ' xmlns:zeebe="http://camunda.org/schema/zeebe/1.0">'
)


def document(content: str) -> bytes:
    return f"{HEAD}{content}</definitions>".encode()


def connections(flows: str) -> str:
    pairs = (pair.split(">") for pair in flows.split())
    return "".join(
        f'<sequenceFlow id="{source}_{target}" sourceRef="{source}" targetRef="{target}"/>'
        for source, target in pairs
    )


def read_body(body: str, flows: str = "", definitions: str = "") -> Reading:
    process = f'<process id="p" isExecutable="true">{body}{connections(flows)}</process>'
    return read(document(definitions + process), "test.bpmn")


def only(reading: Reading) -> Process:
    assert [str(fault) for fault in reading.faults] == []
    (process,) = reading.processes
    return process


@pytest.fixture(name="document")
def _document() -> Callable[[str], bytes]:
    """Wrap processes and definitions into a file."""
    return document


@pytest.fixture(name="read_body")
def _read_body() -> Callable[..., Reading]:
    """Read one executable process `p` with this body, these flows, and these global definitions."""
    return read_body


@pytest.fixture
def process_of() -> Callable[..., Process]:
    """The process of a valid file."""
    return lambda body, flows="", definitions="": only(read_body(body, flows, definitions))


@pytest.fixture
def node_of() -> Callable[..., FlowNode]:
    """The node `n` between a start and an end event of a valid process."""

    def build(node: str, definitions: str = "") -> FlowNode:
        body = f'<startEvent id="s"/>{node}<endEvent id="e"/>'
        process = only(read_body(body, "s>n n>e", definitions))
        return next(node for node in process.body.nodes if node.id == "n")

    return build


@pytest.fixture
def faults_of() -> Callable[..., list[str]]:
    """The faults of a process body, each as `element id: message`."""

    def build(body: str, flows: str = "", definitions: str = "") -> list[str]:
        faults = read_body(body, flows, definitions).faults
        return [f"{fault.element_id}: {fault.message}" for fault in faults]

    return build


@pytest.fixture
def faults_around(faults_of: Callable[..., list[str]]) -> Callable[..., list[str]]:
    """The faults of a process in which everything but the given node `n` is right."""

    def build(node: str, definitions: str = "") -> list[str]:
        return faults_of(f'<startEvent id="s"/>{node}<endEvent id="e"/>', "s>n n>e", definitions)

    return build


@pytest.fixture
def warnings_of() -> Callable[..., list[str]]:
    """The warnings of a valid process body, each as `element id: message`."""

    def build(body: str, flows: str = "", definitions: str = "") -> list[str]:
        reading = read_body(body, flows, definitions)
        only(reading)
        return [f"{warning.element_id}: {warning.message}" for warning in reading.warnings]

    return build
