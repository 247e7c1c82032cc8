"""Compiled processes by definition key. A definition never changes, so neither does its graph."""

from __future__ import annotations

from collections.abc import Iterable

from procession.engine import Graph, compile_process
from procession.errors import DatabaseCorrupt
from procession.storage.port import Transaction


class GraphCache:
    """Graphs are compiled from the stored XML when first needed."""

    def __init__(self) -> None:
        self._graphs: dict[int, Graph] = {}
        self.get = self._graphs.get

    def load(self, transaction: Transaction, definition_keys: Iterable[int]) -> None:
        """Compile the definitions that are not at hand."""
        for key in definition_keys:
            if key not in self._graphs:
                self._graphs[key] = _compile(transaction, key)


def _compile(transaction: Transaction, key: int) -> Graph:
    from procession import bpmn

    found = transaction.resource(key)
    if found is None:
        raise DatabaseCorrupt(f"process definition {key} has no stored file")
    definition, content = found
    reading = bpmn.read(content, definition.resource_name)
    for process in reading.processes:
        if process.id == definition.process_id:
            return compile_process(
                process, definition_key=key, version=definition.version, tenant=definition.tenant
            )
    raise DatabaseCorrupt(
        f"the stored file of process {definition.process_id!r} version {definition.version} cannot be used: "
        + "; ".join(str(fault) for fault in reading.faults)
    )
