"""Read-only questions to a database: what runs, where it waits, what went wrong.

They run on `Storage.reader()`, see one committed state each, and never wait for writers.
"""

from procession.storage.searches.definitions import definitions
from procession.storage.searches.detail import instance
from procession.storage.searches.incidents import incidents
from procession.storage.searches.instances import count_instances, instances
from procession.storage.searches.opening import database_file, full_name, must_exist, open_reader
from procession.storage.searches.status import status
from procession.storage.searches.values import (
    DefinitionStatus,
    IncidentInfo,
    IncidentKind,
    InstanceDetail,
    InstanceInfo,
    InstanceStatus,
    JobCounts,
    PathStep,
    Status,
    WaitingAt,
)

__all__ = [
    "DefinitionStatus",
    "IncidentInfo",
    "IncidentKind",
    "InstanceDetail",
    "InstanceInfo",
    "InstanceStatus",
    "JobCounts",
    "PathStep",
    "Status",
    "WaitingAt",
    "count_instances",
    "database_file",
    "definitions",
    "full_name",
    "incidents",
    "instance",
    "instances",
    "must_exist",
    "open_reader",
    "status",
]
