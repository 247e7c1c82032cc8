"""Durable business processes for Python teams.

Everything public is here; importing it is cheap, what is heavy loads when it is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from procession.broker import Readiness
    from procession.client.app import Procession
    from procession.client.credentials import (
        BasicCredentials,
        BearerCredentials,
        ClientCredentials,
        Credentials,
    )
    from procession.client.deployment import DefinitionInfo, Deployment
    from procession.client.instance import Instance
    from procession.client.job import Job
    from procession.client.sync import SyncInstance, SyncProcession
    from procession.errors import (
        Aborted,
        AlreadyExists,
        BpmnError,
        CaseError,
        CommandDisabled,
        CommandLocked,
        DatabaseBusy,
        DatabaseCorrupt,
        DatabaseFull,
        DatabaseReadOnly,
        DeadlineExceeded,
        DeploymentRejected,
        ExpressionInvalid,
        Incident,
        InvalidInput,
        LockLost,
        NotAllowed,
        NotFound,
        NotReady,
        PayloadTooLarge,
        ProcessEnded,
        ProcessError,
        ProcessionError,
        ResourceExhausted,
        SchemaMismatch,
        StorageError,
        TaskIdRefused,
        Unsupported,
        VariablesInvalid,
        WrongState,
    )
    from procession.operations.commands import Commands
    from procession.process import Process, ProcessManager, ProcessResult
    from procession.process.cases import BusinessCase, CaseManager, catch, stage
    from procession.storage.searches import (
        DefinitionStatus,
        IncidentInfo,
        InstanceDetail,
        InstanceInfo,
        InstanceStatus,
        PathStep,
        Status,
        WaitingAt,
    )

_HOMES = {
    "procession.broker": ("Readiness",),
    "procession.client.app": ("Procession",),
    "procession.client.credentials": (
        "BasicCredentials",
        "BearerCredentials",
        "ClientCredentials",
        "Credentials",
    ),
    "procession.client.deployment": ("DefinitionInfo", "Deployment"),
    "procession.client.instance": ("Instance",),
    "procession.client.job": ("Job",),
    "procession.client.sync": ("SyncInstance", "SyncProcession"),
    "procession.errors": (
        "Aborted",
        "AlreadyExists",
        "BpmnError",
        "CaseError",
        "CommandDisabled",
        "CommandLocked",
        "DatabaseBusy",
        "DatabaseCorrupt",
        "DatabaseFull",
        "DatabaseReadOnly",
        "DeadlineExceeded",
        "DeploymentRejected",
        "ExpressionInvalid",
        "Incident",
        "InvalidInput",
        "LockLost",
        "NotAllowed",
        "NotFound",
        "NotReady",
        "PayloadTooLarge",
        "ProcessEnded",
        "ProcessError",
        "ProcessionError",
        "ResourceExhausted",
        "SchemaMismatch",
        "StorageError",
        "TaskIdRefused",
        "Unsupported",
        "VariablesInvalid",
        "WrongState",
    ),
    "procession.operations.commands": ("Commands",),
    "procession.process": ("Process", "ProcessManager", "ProcessResult"),
    "procession.process.cases": ("BusinessCase", "CaseManager", "catch", "stage"),
    "procession.storage.searches": (
        "DefinitionStatus",
        "IncidentInfo",
        "InstanceDetail",
        "InstanceInfo",
        "InstanceStatus",
        "PathStep",
        "Status",
        "WaitingAt",
    ),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}

__version__ = "0.1.0"

__all__ = [
    "Aborted",
    "AlreadyExists",
    "BasicCredentials",
    "BearerCredentials",
    "BpmnError",
    "BusinessCase",
    "CaseError",
    "CaseManager",
    "ClientCredentials",
    "CommandDisabled",
    "CommandLocked",
    "Commands",
    "Credentials",
    "DatabaseBusy",
    "DatabaseCorrupt",
    "DatabaseFull",
    "DatabaseReadOnly",
    "DeadlineExceeded",
    "DefinitionInfo",
    "DefinitionStatus",
    "Deployment",
    "DeploymentRejected",
    "ExpressionInvalid",
    "Incident",
    "IncidentInfo",
    "Instance",
    "InstanceDetail",
    "InstanceInfo",
    "InstanceStatus",
    "InvalidInput",
    "Job",
    "LockLost",
    "NotAllowed",
    "NotFound",
    "NotReady",
    "PathStep",
    "PayloadTooLarge",
    "Process",
    "ProcessEnded",
    "ProcessError",
    "ProcessManager",
    "ProcessResult",
    "Procession",
    "ProcessionError",
    "Readiness",
    "ResourceExhausted",
    "SchemaMismatch",
    "Status",
    "StorageError",
    "SyncInstance",
    "SyncProcession",
    "TaskIdRefused",
    "Unsupported",
    "VariablesInvalid",
    "WaitingAt",
    "WrongState",
    "__version__",
    "catch",
    "stage",
]


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module 'procession' has no attribute {name!r}")
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
