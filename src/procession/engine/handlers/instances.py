"""Starting and cancelling process instances, and setting their variables."""

from __future__ import annotations

from collections.abc import Sequence

from procession.engine import commands as c
from procession.engine import lifecycle, variables
from procession.engine.definitions import latest, numbered
from procession.engine.graph import Graph, Node
from procession.engine.handling import Handler, Target, handles, want_inside
from procession.engine.reads import Reads
from procession.engine.records import (
    ACTIVATED,
    COMPLETED,
    JOB_ACTIVATED,
    TERMINATED,
    TERMINATING,
    Definition,
    ElementInstance,
    ProcessInstance,
    Variable,
)
from procession.engine.run import Run
from procession.engine.starting import place_tokens, start_places
from procession.engine.unit import Unit
from procession.errors import NotFound, WrongState


class Start(Handler[c.StartInstance]):
    def expects_to_know(self, command: c.StartInstance, unit: Unit) -> bool:
        process = (command.tenant, command.process_id)
        return command.idempotency_key is None and unit.definitions.found("process", process)

    def reads(self, command: c.StartInstance, want: Reads) -> bool:
        definition = _wanted(command, want)
        if command.idempotency_key is not None and (process_id := _process_id(command, want.unit)):
            identity = (command.tenant, process_id, command.idempotency_key)
            want.find(want.unit.instances, "idempotency", identity)
        if definition is None:
            return False
        want.graph(definition.key)
        return True

    def execute(self, command: c.StartInstance, run: Run) -> c.Started:
        before = _made_before(command, run)  # first: its definition may have been deleted since
        if before is not None:
            return c.Started(
                before.key, before.definition_key, before.process_id, before.version, created=False
            )
        definition = _chosen(command, run)
        instance = begin(
            run,
            definition,
            _places(command, run.graph(definition.key)),
            command.variables,
            key=command.key,
            business_key=command.business_key,
            idempotency_key=command.idempotency_key,
        )
        return c.Started(instance.key, definition.key, definition.process_id, definition.version)


def _made_before(command: c.StartInstance, run: Run) -> ProcessInstance | None:
    """The instance that an earlier start with the same idempotency key made."""
    if command.idempotency_key is None or (process_id := _process_id(command, run.unit)) is None:
        return None
    identity = (command.tenant, process_id, command.idempotency_key)
    return next(iter(run.unit.instances.find("idempotency", identity)), None)


def _process_id(command: c.StartInstance, unit: Unit) -> str | None:
    if command.definition_key is None or not unit.definitions.known(command.definition_key):
        return command.process_id
    definition = unit.definitions.get(command.definition_key)
    return definition.process_id if definition is not None else None


def _wanted(command: c.StartInstance, want: Reads) -> Definition | None:
    unit = want.unit
    if command.definition_key is not None:
        return want.get(unit.definitions, command.definition_key)
    found = want.find(unit.definitions, "process", (command.tenant, command.process_id or ""))
    return _version(found, command)


def _version(found: list[Definition], command: c.StartInstance) -> Definition | None:
    return latest(found) if command.version < 0 else numbered(found, command.version)


def _chosen(command: c.StartInstance, run: Run) -> Definition:
    unit = run.unit
    if command.definition_key is not None:
        by_key = unit.definitions.get(command.definition_key)
        if by_key is None or by_key.deleted_at is not None:
            raise NotFound(f"there is no process definition with key {command.definition_key}")
        return by_key
    found = unit.definitions.find("process", (command.tenant, command.process_id or ""))
    definition = _version(found, command)
    if definition is not None:
        return definition
    if latest(found) is not None:
        raise NotFound(f"process {command.process_id!r} has no version {command.version}")
    raise NotFound(f"there is no process {command.process_id!r}; deploy it first")


def _places(command: c.StartInstance, graph: Graph) -> tuple[Node, ...]:
    """Where the tokens begin."""
    if command.start_at:
        return start_places(graph, command.start_at)
    start = graph.root.start
    if start is None:
        raise WrongState(f"process {graph.process_id!r} has no none start event; publish its start message")
    return (start,)


def begin(
    run: Run,
    definition: Definition,
    starts: Sequence[Node],
    values: c.Variables,
    *,
    key: int | None = None,
    business_key: str | None = None,
    idempotency_key: str | None = None,
    start_key: str | None = None,
) -> ProcessInstance:
    """Make a root instance with a token before each of `starts`.

    Raises:
        InvalidInput: a scope around one of them cannot be entered; nothing was made.
    """
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
        ),
    )
    run.work_in(instance)
    for name, raw in values.items():
        run.unit.variables.add_new((key, name), Variable(key, name, key, raw, run.now))
    place_tokens(run, instance, starts)
    return instance


def begin_with_event(
    run: Run, definition: Definition, start: Node, values: c.Variables, *, start_key: str | None = None
) -> ProcessInstance:
    """Make a root instance that a message or signal starts.

    What it brought is the instance's; with output mappings, the start event's own, and they say what
    of it goes on (Zeebe behaviour).
    """
    if not start.outputs:
        return begin(run, definition, (start,), values, start_key=start_key)
    instance = begin(run, definition, (), {}, start_key=start_key)
    instance.active += 1
    event = lifecycle.create(run, instance, start, None)
    variables.receive(run, event, start, values)
    run.push(c.Enter(event.key))
    return instance


class Cancel(Handler[c.CancelInstance]):
    def target(self, command: c.CancelInstance) -> Target:
        return ("process_instance", command.key)

    def reads(self, command: c.CancelInstance, want: Reads) -> None:
        if want.get(want.unit.instances, command.key) is not None:
            want_inside(want, command.key)

    def execute(self, command: c.CancelInstance, run: Run) -> None:
        _cancel(_running_root(command.key, run), run)


class Abandon(Handler[c.AbandonInstance]):
    def target(self, command: c.AbandonInstance) -> Target:
        return ("process_instance", command.key)

    def reads(self, command: c.AbandonInstance, want: Reads) -> None:
        unit = want.unit
        if want.get(unit.instances, command.key) is None:
            return
        want_inside(want, command.key)
        want.get_all(unit.variables, [(command.key, name) for name in command.variables])
        # Their rows are locked with that, so nobody is handed one any more.
        for element in want.find(unit.elements, "children", command.key):
            if element.job_key is not None:
                want.get(unit.jobs, element.job_key)

    def execute(self, command: c.AbandonInstance, run: Run) -> None:
        unit = run.unit
        instance = _running_root(command.key, run)
        for element in unit.elements.find("children", command.key):
            job = unit.jobs.get(element.job_key) if element.job_key is not None else None
            if job is not None and job.state == JOB_ACTIVATED and (job.due or 0) > run.now:
                raise WrongState(f"worker {job.worker} is at it", key=instance.key)
        variables.propagate(run, (instance.key,), instance.root_key, command.variables)
        _cancel(instance, run)


def _running_root(key: int, run: Run) -> ProcessInstance:
    instance = run.unit.instances.get(key)
    if instance is None or instance.ended_at is not None or instance.state == TERMINATING:
        raise NotFound(f"there is no running process instance with key {key}", key=key)
    if instance.root_key != instance.key:
        raise WrongState(
            f"process instance {instance.key} was called by another; cancel its root {instance.root_key}",
            key=instance.key,
        )
    return instance


def _cancel(instance: ProcessInstance, run: Run) -> None:
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
handles(c.AbandonInstance, Abandon())
handles(c.SetVariables, SetVariables())
