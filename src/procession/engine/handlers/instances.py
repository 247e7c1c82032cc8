"""Starting and cancelling process instances, and setting their variables."""

from __future__ import annotations

from procession.engine import commands as c
from procession.engine import variables
from procession.engine.graph import Node
from procession.engine.handling import Handler, Target, handles
from procession.engine.reads import Reads
from procession.engine.records import (
    ACTIVATED,
    COMPLETED,
    TERMINATED,
    TERMINATING,
    Definition,
    ElementInstance,
    ProcessInstance,
    Variable,
)
from procession.engine.run import Run
from procession.engine.unit import Unit
from procession.errors import NotFound, WrongState


class Start(Handler[c.StartInstance]):
    def expects_to_know(self, command: c.StartInstance, unit: Unit) -> bool:
        process = (command.tenant, command.process_id)
        return command.idempotency_key is None and unit.definitions.found("process", process)

    def reads(self, command: c.StartInstance, want: Reads) -> bool:
        definition = _wanted(command, want)
        if definition is None:
            return False
        want.graph(definition.key)
        if command.idempotency_key is not None:
            identity = (command.tenant, definition.process_id, command.idempotency_key)
            want.find(want.unit.instances, "idempotency", identity)
        return True

    def execute(self, command: c.StartInstance, run: Run) -> c.Started:
        definition = _chosen(command, run)
        if command.idempotency_key is not None:
            identity = (command.tenant, definition.process_id, command.idempotency_key)
            for before in run.unit.instances.find("idempotency", identity):
                return c.Started(
                    before.key, before.definition_key, before.process_id, before.version, created=False
                )
        start = run.graph(definition.key).root.start
        if start is None:
            raise WrongState(
                f"process {definition.process_id!r} has no none start event; publish its start message"
            )
        instance = begin(
            run,
            definition,
            start,
            command.variables,
            key=command.key,
            business_key=command.business_key,
            idempotency_key=command.idempotency_key,
        )
        return c.Started(instance.key, definition.key, definition.process_id, definition.version)


def _wanted(command: c.StartInstance, want: Reads) -> Definition | None:
    unit = want.unit
    if command.definition_key is not None:
        return want.get(unit.definitions, command.definition_key)
    found = want.find(unit.definitions, "process", (command.tenant, command.process_id))
    return _version(found, command.version)


def _version(found: list[Definition], version: int) -> Definition | None:
    if version < 0 and len(found) == 1:
        return found[0]
    if version < 0:
        return max(found, key=lambda definition: definition.version, default=None)
    return next((definition for definition in found if definition.version == version), None)


def _chosen(command: c.StartInstance, run: Run) -> Definition:
    unit = run.unit
    if command.definition_key is not None:
        by_key = unit.definitions.get(command.definition_key)
        if by_key is None:
            raise NotFound(f"there is no process definition with key {command.definition_key}")
        return by_key
    found = unit.definitions.find("process", (command.tenant, command.process_id))
    definition = _version(found, command.version)
    if definition is not None:
        return definition
    if found:
        raise NotFound(f"process {command.process_id!r} has no version {command.version}")
    raise NotFound(f"there is no process {command.process_id!r}; deploy it first")


def begin(
    run: Run,
    definition: Definition,
    start: Node,
    values: c.Variables,
    *,
    key: int | None = None,
    business_key: str | None = None,
    idempotency_key: str | None = None,
    start_key: str | None = None,
) -> ProcessInstance:
    """Make a root instance with one token before `start`."""
    if key is None:
        key = run.new_key()
    else:
        run.unit.fresh.add(key)
    instance = run.unit.instances.add_new(
        key,
        ProcessInstance(
            key,
            key,
            definition.key,
            definition.tenant,
            definition.process_id,
            definition.version,
            None,
            business_key,
            idempotency_key,
            start_key,
            1,
            run.now,
            active=1,
        ),
    )
    run.work_in(instance)
    for name, raw in values.items():
        run.unit.variables.add_new((key, name), Variable(key, name, key, raw, run.now))
    run.push((instance, start, None))
    return instance


class Cancel(Handler[c.CancelInstance]):
    def target(self, command: c.CancelInstance) -> Target:
        return ("process_instance", command.key)

    def reads(self, command: c.CancelInstance, want: Reads) -> None:
        if want.get(want.unit.instances, command.key) is not None:
            want.find(want.unit.elements, "children", command.key)
            want.find(want.unit.joins, "scope", command.key)

    def execute(self, command: c.CancelInstance, run: Run) -> None:
        instance = run.unit.instances.get(command.key)
        if instance is None or instance.ended_at is not None or instance.state == TERMINATING:
            raise NotFound(f"there is no running process instance with key {command.key}", key=command.key)
        if instance.root_key != instance.key:
            raise WrongState(
                f"process instance {instance.key} was called by another; cancel its root {instance.root_key}",
                key=instance.key,
            )
        run.work_in(instance)
        instance.state = TERMINATING
        run.push(c.EndScope(instance.key, instance.key))


class SetVariables(Handler[c.SetVariables]):
    def target(self, command: c.SetVariables) -> Target:
        return ("element_instance", command.key)

    def reads(self, command: c.SetVariables, want: Reads) -> None:
        unit = want.unit
        instance = want.get(unit.instances, command.key)
        element = want.get(unit.elements, command.key)
        keys = [command.key] if instance is not None else []
        while element is not None:
            keys.append(element.key)
            instance = want.get(unit.instances, element.instance_key)
            inner, element = element, None
            if inner.scope_key != inner.instance_key:
                element = want.get(unit.elements, inner.scope_key)
            else:
                keys.append(inner.instance_key)
        for key in keys:
            for name in command.variables:
                want.get(unit.variables, (key, name))

    def execute(self, command: c.SetVariables, run: Run) -> None:
        chain, root_key = _running_scope(command.key, run)
        if command.local:
            for name, raw in command.variables.items():
                variables.set_local(run, command.key, root_key, name, raw)
        else:
            variables.propagate(run, chain, root_key, command.variables)


def _running_scope(key: int, run: Run) -> tuple[variables.Chain, int]:
    instance = run.unit.instances.get(key)
    if instance is not None and instance.state == ACTIVATED:
        return (key,), instance.root_key
    element: ElementInstance | None = run.unit.elements.get(key) if instance is None else None
    if element is None or element.state in (COMPLETED, TERMINATED):
        raise NotFound(f"there is no running process instance or element instance with key {key}", key=key)
    return variables.chain_of(run, element), element.root_key


handles(c.StartInstance, Start())
handles(c.CancelInstance, Cancel())
handles(c.SetVariables, SetVariables())
