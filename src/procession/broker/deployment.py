"""From files to a `Deploy` command: everything is validated before anything is sent."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

from procession.engine.commands import Deploy, DeployedFile, DeployedProcess
from procession.engine.records import DEFAULT_TENANT
from procession.errors import DeploymentRejected, InvalidInput
from procession.model import Fault, Kind, Message, Process, Signal


def prepare(files: Mapping[str, bytes], tenant: str = DEFAULT_TENANT) -> tuple[Deploy, tuple[Fault, ...]]:
    """Read and validate files (name -> content). Answers the command and the warnings.

    Raises:
        DeploymentRejected: with every fault of every file.
        InvalidInput: there are no files.
    """
    from procession import bpmn

    if not files:
        raise InvalidInput("there is nothing to deploy: name at least one file")
    readings = {name: bpmn.read(content, name) for name, content in files.items()}
    faults = [fault for reading in readings.values() for fault in reading.faults]
    faults += _repeated((name, reading.processes) for name, reading in readings.items())
    if faults:
        raise DeploymentRejected(faults)
    deployed = tuple(_file(name, files[name], reading.processes) for name, reading in readings.items())
    warnings = tuple(warning for reading in readings.values() for warning in reading.warnings)
    return Deploy(deployed, tenant), warnings


def _repeated(files: Iterable[tuple[str, tuple[Process, ...]]]) -> list[Fault]:
    """One deployment cannot carry a process id in two files: which would be the latest?"""
    seen: dict[str, str] = {}
    faults = []
    for name, processes in files:
        for process in processes:
            if process.id in seen and seen[process.id] != name:
                message = f"the same process is in {seen[process.id]} of this deployment; rename one"
                faults.append(Fault(resource=name, element_id=process.id, line=process.line, message=message))
            seen[process.id] = name
    return faults


def _file(name: str, content: bytes, processes: tuple[Process, ...]) -> DeployedFile:
    checksum = hashlib.sha256(content).hexdigest()
    return DeployedFile(name, checksum, content, tuple(_process(process) for process in processes))


def _process(process: Process) -> DeployedProcess:
    return DeployedProcess(
        process.id, process.name, process.version_tag, _starts(process, Message), _starts(process, Signal)
    )


def _starts(process: Process, kind: type[Message | Signal]) -> tuple[tuple[str, str], ...]:
    return tuple(
        (node.id, event.name)
        for node in process.body.nodes
        if node.kind is Kind.START_EVENT
        for event in node.events
        if isinstance(event, kind) and isinstance(event.name, str)
    )
