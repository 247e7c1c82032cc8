"""Runs commands on the engine alone: records in a dictionary instead of a database."""

from __future__ import annotations

from collections import deque
from itertools import count
from operator import attrgetter
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from procession import bpmn, engine
from procession.engine import Graph, Missed, Reads, Run, Unit
from procession.engine import commands as c
from procession.engine.tables import TABLES
from procession.engine.unit import Table
from procession.model import Process

FIRST_KEY = 1000


class Driver:
    """One process, its records, and the commands it leaves for later."""

    def __init__(self, content: bytes) -> None:
        (process,) = bpmn.read(content, "test.bpmn").processes
        self.now = 0
        self.rows: dict[str, dict[Any, tuple[Any, ...]]] = {name: {} for name in TABLES}
        self.graphs: dict[int, Graph] = {}
        self._add(process)
        self.rounds = 0
        """Passes of the command executed last."""
        self.created = 0
        """Element instances it made."""
        self.loaded = 0
        """Element instances it read."""
        self._keys = count(FIRST_KEY)

    def deploy(self, content: bytes) -> None:
        """Add the next version of the process."""
        (process,) = bpmn.read(content, "test.bpmn").processes
        self._add(process)

    def _add(self, process: Process) -> None:
        version = len(self.graphs) + 1
        self.graphs[version] = engine.compile_process(process, definition_key=version, version=version)
        definition = engine.records.Definition(
            version, 2, "<default>", process.id, version, None, None, "test.bpmn", "", 0
        )
        self.rows["definition"][version] = msgspec.structs.astuple(definition)

    def execute(self, command: c.Command) -> Any:
        """Carry out one command and commit; its durable commands stay for `settle`."""
        first = next(self._keys)
        unit = Unit()
        self.rounds = 0
        while True:
            self.rounds += 1
            unit.reset()
            keys = count(first)
            want = Reads(unit, self.graphs.get)
            reply = self._attempt(command, unit, keys, want)
            if not want:
                break
            self._load(want)
        self._keys = count(next(keys))
        self.created = len(unit.elements.added)
        self.loaded = len(unit.elements.loaded)
        self._write(unit)
        return reply

    def settle(self) -> int:
        """Carry out what was left, oldest first. Answers how many transactions that took."""
        done = 0
        while self.rows["command"]:
            key = min(self.rows["command"])
            payload = self.rows["command"].pop(key)[3]
            self.execute(c.decode(payload))
            done += 1
        return done

    def records(self, table: str) -> list[Any]:
        """All records of a table."""
        return [TABLES[table].record(*row) for row in self.rows[table].values()]

    def _attempt(self, command: c.Command, unit: Unit, keys: count[int], want: Reads) -> Any:
        run = Run(
            unit, now=self.now, keys=keys.__next__, graphs=self.graphs.get, zone=ZoneInfo("UTC"), seed=1
        )
        self._declare(command, unit)
        commands, reply = deque([command]), None
        while commands:
            current = commands.popleft()
            self._declare(current, unit)
            try:
                answer = engine.execute(current, run)
            except Missed as missed:
                want.note(missed)
                engine.foresee(run, want)
                return None
            reply = answer if current is command else reply
            commands.extend(run.follow_ups)
            run.follow_ups.clear()
        return reply

    def _declare(self, command: c.Command, unit: Unit) -> None:
        while True:
            want = Reads(unit, self.graphs.get)
            engine.declare(command, want)
            if not want:
                return
            self._load(want)

    def _load(self, want: Reads) -> None:
        for name, keys in want.keys.items():
            self._load_keys(want.unit, name, keys)
        for (name, index), values in want.finds.items():
            self._load_index(want.unit.by_name[name], index, values)
        want.keys.clear()
        want.finds.clear()

    def _load_keys(self, unit: Unit, name: str, keys: set[Any]) -> None:
        table = unit.by_name[name]
        for key in keys:
            row = self.rows[name].get(key)
            table.loaded[key] = row
            if row is None:
                continue
            record = TABLES[name].record(*row)
            if name == "element_instance" and record.scope_key != record.instance_key:  # type: ignore[attr-defined]
                self._load_keys(unit, name, {record.scope_key})  # type: ignore[attr-defined]
            for other, field in TABLES[name].companions:
                self._load_keys(unit, other, {getattr(record, field)})

    def _load_index(self, table: Table[Any], index: str, values: set[Any]) -> None:
        spec = TABLES[table.name].indexes[index]
        of = attrgetter(*spec.fields)
        for value in values:
            if spec.paged:
                self._load_page(table, index, value)
                continue
            found = [
                key
                for key, row in sorted(self.rows[table.name].items())
                if of(record := table.record(*row)) == value
                and not (spec.open_only and record.ended_at is not None)
            ][: spec.limit]
            table.indexes[index].loaded[value] = found
            table.loaded.update((key, self.rows[table.name][key]) for key in found)

    def _load_page(self, table: Table[Any], index: str, value: Any) -> None:
        spec = TABLES[table.name].indexes[index]
        of = attrgetter(*spec.fields)
        found = [
            key
            for key, row in sorted(self.rows[table.name].items())
            if of(table.record(*row)) == value[:-1] and key > value[-1]
        ][: spec.limit]
        table.indexes[index].loaded[value] = found
        table.loaded.update((key, self.rows[table.name][key]) for key in found)

    def _write(self, unit: Unit) -> None:
        for table in unit.touched():
            changes = table.changes()
            for key in changes.removed:
                del self.rows[table.name][key]
            for record in (*changes.updated, *changes.rewritten, *changes.added):
                self.rows[table.name][table.key_of(record)] = msgspec.structs.astuple(record)
