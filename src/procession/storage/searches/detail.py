"""One process instance with its path, where it waits, its variables and incidents."""

from __future__ import annotations

from typing import Any

import msgspec
import sqlalchemy as sa

from procession.engine.records import ElementInstance
from procession.storage.schema import tables
from procession.storage.searches.incidents import find_incidents
from procession.storage.searches.instances import INSTANCE_COLUMNS, instance_info
from procession.storage.searches.nodes import Nodes, nodes_of
from procession.storage.searches.reading import moment, moment_or_none, reading, status_of
from procession.storage.searches.values import InstanceDetail, PathStep
from procession.storage.searches.waiting import waiting_at

_instance = tables["process_instance"].c
_element = tables["element_instance"].c
_variable = tables["variable"].c


def instance(engine: sa.Engine, key: int, *, limit: int = 1000) -> InstanceDetail | None:
    """Everything about a process instance; None if there is none with this key.

    Path, waiting places and incidents are cut after `limit` each.

    Raises:
        DatabaseCorrupt: the BPMN it runs cannot be read any more.
    """
    query = sa.select(*INSTANCE_COLUMNS, _instance.definition_key).where(_instance.key == key)
    with reading(engine) as connection:
        row = connection.execute(query).one_or_none()
        if row is None:
            return None
        nodes = nodes_of(connection, row.definition_key)
        path = _path(connection, key, {row.definition_key: nodes}, limit + 1)
        waiting = waiting_at(connection, key, nodes, limit + 1)
        return InstanceDetail(
            info=instance_info(row),
            path=path[:limit],
            path_truncated=len(path) > limit,
            waiting=waiting[:limit],
            waiting_truncated=len(waiting) > limit,
            variables=_variables(connection, key),
            incidents=find_incidents(connection, instance_key=key, limit=limit),
        )


def _path(connection: sa.Connection, key: int, nodes: dict[int, Nodes], limit: int) -> list[PathStep]:
    """`nodes` are those of the definitions known already: of a migrated instance there are several."""
    query = (
        sa.select(tables["element_instance"])
        .where(_element.instance_key == key)
        # Nodes take keys in blocks, so time goes before the key.
        .order_by(_element.started_at, _element.key)
        .limit(limit)
    )
    depths = {key: -1}
    path = []
    for row in connection.execute(query):
        element = ElementInstance(*row)
        depths[element.key] = depth = depths.get(element.scope_key, -1) + 1
        if element.definition_key not in nodes:
            nodes[element.definition_key] = nodes_of(connection, element.definition_key)
        path.append(_step(element, nodes[element.definition_key], depth))
    return path


def _step(element: ElementInstance, nodes: Nodes, depth: int) -> PathStep:
    node = nodes[element.element_id]
    return PathStep(
        key=element.key,
        element_id=element.element_id,
        name=node.name,
        kind=node.kind,
        state=status_of(element.state),
        started_at=moment(element.started_at),
        ended_at=moment_or_none(element.ended_at),
        flow_id=element.flow_id,
        loop_counter=element.loop_counter,
        scope_key=element.scope_key,
        depth=depth,
    )


def _variables(connection: sa.Connection, scope_key: int) -> dict[str, Any]:
    query = sa.select(_variable.name, _variable.value).where(_variable.scope_key == scope_key)
    rows = connection.execute(query.order_by(_variable.name))
    return {name: msgspec.json.decode(value) for name, value in rows}
