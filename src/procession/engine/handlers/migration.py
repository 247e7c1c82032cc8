"""Migrating a process instance to another version (spec/engine.md section 9, as Zeebe 8.6 does it).

Called instances are not moved with their caller: they are migrated by their own keys. A job keeps its type,
tries and headers, and whoever holds it goes on; see `MigrateInstance.retype_jobs` for the other way.
"""

from __future__ import annotations

from procession.engine import commands as c
from procession.engine.definitions import numbered
from procession.engine.graph import Graph, Node
from procession.engine.handling import Handler, Target, handles, scopes_around
from procession.engine.moved_events import want_events
from procession.engine.moves import Moves, opening_names
from procession.engine.places import Places
from procession.engine.reads import Reads
from procession.engine.records import ACTIVATED, Definition, ElementInstance, ProcessInstance
from procession.engine.run import Run
from procession.errors import InvalidInput, NotFound, WrongState


class Migrate(Handler[c.MigrateInstance]):
    def target(self, command: c.MigrateInstance) -> Target:
        return ("process_instance", command.key)

    def reads(self, command: c.MigrateInstance, want: Reads) -> None:
        instance = want.get(want.unit.instances, command.key)
        if instance is None or instance.ended_at is not None:
            return
        old: Graph | None = want.graph(instance.definition_key)
        definition = _wanted(command, instance, want)
        new: Graph | None = want.graph(definition.key) if definition is not None else None
        if old is not None and new is not None:
            reading = _Reading(want, Places(instance, old, new, command), retype_jobs=command.retype_jobs)
            reading.scope(instance.key, new.root)

    def execute(self, command: c.MigrateInstance, run: Run) -> None:
        instance = run.unit.instances.get(command.key)
        if instance is None or instance.state != ACTIVATED:
            raise NotFound(f"there is no running process instance with key {command.key}", key=command.key)
        run.work_in(instance)
        definition = _target(command, instance, run)
        _refuse_moved(instance, command.from_version)
        _refuse_other_process(instance, definition)
        old, new = run.graph(instance.definition_key), run.graph(definition.key)
        places = Places(instance, old, new, command)
        places.check()
        moves = Moves(run, instance, places, retype_jobs=command.retype_jobs)
        moves.plan()
        moves.carry_out(definition)


class _Reading:
    """Names what a migration reads, scope by scope."""

    def __init__(self, want: Reads, places: Places, *, retype_jobs: bool) -> None:
        self._want = want
        self._places = places
        self._retype_jobs = retype_jobs

    def scope(self, key: int, to: Node | None) -> None:
        """What stands in a scope, and in the scopes inside; `to` is where the scope goes, if anywhere."""
        unit = self._want.unit
        self._want.find(unit.joins, "scope", key)
        if to is not None and to.synchronizers:
            self._want.find(unit.elements, "tokens", key)
        for child in self._want.find(unit.elements, "moving", key):
            self._element(child)

    def _element(self, element: ElementInstance) -> None:
        unit, places = self._want.unit, self._places
        old = places.old.nodes[element.element_id]
        new = places.new.nodes.get(places.of_event(old.id) or "")
        want_events(self._want, element, old)
        if element.incident_key is not None:
            self._want.get(unit.incidents, element.incident_key)
        if element.job_key is not None and self._retype_jobs:
            self._want.get(unit.jobs, element.job_key)
        if new is not None:
            scopes = scopes_around(self._want, element)
            keys = [*(scope.key for scope in scopes if scope.locals), element.instance_key]
            names = set(opening_names(new))
            self._want.get_all(unit.variables, [(key, name) for name in names for key in keys])
        if element.active > 0:
            self.scope(element.key, new)


def _wanted(command: c.MigrateInstance, instance: ProcessInstance, want: Reads) -> Definition | None:
    unit = want.unit
    if command.definition_key is not None:
        return want.get(unit.definitions, command.definition_key)
    found = want.find(unit.definitions, "process", (instance.tenant, instance.process_id))
    return numbered(found, command.version or 0)


def _target(command: c.MigrateInstance, instance: ProcessInstance, run: Run) -> Definition:
    if command.definition_key is not None:
        by_key = run.unit.definitions.get(command.definition_key)
        if by_key is None or by_key.deleted_at is not None or by_key.tenant != instance.tenant:
            raise NotFound(f"there is no process definition with key {command.definition_key}")
        return by_key
    if command.version is None:
        raise InvalidInput("name the version or the definition it is to go to")
    found = run.unit.definitions.find("process", (instance.tenant, instance.process_id))
    definition = numbered(found, command.version)
    if definition is None:
        raise NotFound(f"process {instance.process_id!r} has no version {command.version}")
    return definition


def _refuse_moved(instance: ProcessInstance, from_version: int | None) -> None:
    if from_version is not None and instance.version != from_version:
        raise WrongState(
            f"process instance {instance.key} is on version {instance.version} by now, not on {from_version}",
            key=instance.key,
        )


def _refuse_other_process(instance: ProcessInstance, definition: Definition) -> None:
    """What makes an instance the only one of its process cannot be taken along to another process."""
    if definition.process_id == instance.process_id:
        return
    only = "idempotency key" if instance.idempotency_key is not None else "message start's correlation key"
    if instance.idempotency_key is not None or instance.start_key is not None:
        raise WrongState(
            f"process instance {instance.key} cannot become one of {definition.process_id!r}: its {only} "
            f"makes it the only one of {instance.process_id!r}; it can be moved to other versions of that",
            key=instance.key,
        )


handles(c.MigrateInstance, Migrate())
