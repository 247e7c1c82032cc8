"""Names and kinds of elements, from the stored BPMN."""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa

from procession.errors import DatabaseCorrupt
from procession.model import Body, FlowNode, Process
from procession.storage.schema import tables

_definition = tables["definition"].c
_resource = tables["resource"].c
_CACHE_SIZE = 200

Nodes = dict[str, FlowNode]

# By checksum and process id: definition keys repeat from database to database.
_cache: dict[tuple[str, str], Nodes] = {}


def nodes_of(connection: sa.Connection, definition_key: int) -> Nodes:
    """All flow nodes of a deployed process by id, those inside sub-processes included.

    Raises:
        DatabaseCorrupt: its file is missing or cannot be read.
    """
    query = sa.select(_definition.checksum, _definition.process_id, _definition.resource_key)
    found = connection.execute(query.where(_definition.key == definition_key)).one_or_none()
    if found is None:
        raise DatabaseCorrupt(f"process definition {definition_key} is not stored")
    identity = (found.checksum, found.process_id)
    if identity not in _cache:
        if len(_cache) >= _CACHE_SIZE:
            _cache.clear()
        _cache[identity] = _read(connection, found.resource_key, found.process_id)
    return _cache[identity]


def _read(connection: sa.Connection, resource_key: int, process_id: str) -> Nodes:
    from procession import bpmn

    query = sa.select(_resource.content, _resource.name).where(_resource.key == resource_key)
    row = connection.execute(query).one_or_none()
    if row is None:
        raise DatabaseCorrupt(f"process {process_id!r} has no stored file")
    reading = bpmn.read(row.content, row.name)
    for process in reading.processes:
        if process.id == process_id:
            return {node.id: node for node in _all_nodes(process)}
    faults = "; ".join(str(fault) for fault in reading.faults)
    raise DatabaseCorrupt(f"the stored file of process {process_id!r} cannot be used: {faults}")


def _all_nodes(process: Process) -> Iterator[FlowNode]:
    bodies: list[Body] = [process.body]
    while bodies:
        for node in bodies.pop().nodes:
            yield node
            if node.body is not None:
                bodies.append(node.body)
