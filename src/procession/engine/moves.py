"""Moving an instance to another version: first everything is decided, then everything is done."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from procession.engine import lifecycle, moved_events
from procession.engine.elements.jobs import job_attributes
from procession.engine.graph import Node, reads_of
from procession.engine.moved_events import EventMoves
from procession.engine.places import Places
from procession.engine.records import (
    ACTIVATED,
    JOB_ACTIVATABLE,
    JOB_ACTIVATED,
    TERMINATING,
    Definition,
    ElementInstance,
    Job,
    Join,
    ProcessInstance,
)
from procession.engine.run import Run, Scope, Stuck
from procession.engine.tables import MIGRATED_AT_ONCE


class ElementMove(msgspec.Struct):
    element: ElementInstance
    to: Node
    events: EventMoves
    job: tuple[Job, str, int] | None = None
    """A job with the type and priority it gets."""


class JoinMove(msgspec.Struct):
    """Tokens that wait at a joining gateway."""

    join: Join
    to: Node


class Moves:
    """All that moves with one instance."""

    def __init__(self, run: Run, instance: ProcessInstance, places: Places, *, retype_jobs: bool) -> None:
        self._run = run
        self._instance = instance
        self._places = places
        self._retype_jobs = retype_jobs
        self._elements: list[ElementMove] = []
        self._joins: list[JoinMove] = []
        self._scopes: list[tuple[Scope, Node]] = []

    # --- deciding: nothing changes ----------------------------------------------------------------

    def plan(self) -> None:
        """Find a place for every token.

        Raises:
            WrongState: one has none, is on its way, or there are too many.
        """
        self._plan_scope(self._instance, self._places.new.root)

    def _plan_scope(self, scope: Scope, to: Node) -> None:
        unit = self._run.unit
        self._scopes.append((scope, to))
        children = unit.elements.find("moving", scope.key)
        joins = unit.joins.find("scope", scope.key)
        if len(self._elements) + len(children) >= MIGRATED_AT_ONCE:
            self._places.refuse(f"{MIGRATED_AT_ONCE} active elements or more are too many to move at once")
        tokens = len(children) + sum(sum(lifecycle.join_counts(join.waiting).values()) for join in joins)
        if tokens < scope.active:
            self._places.refuse("a token of it is on its way between two elements; try again in a moment")
        for join in joins:
            self._plan_join(join, to)
        for child in children:
            self._plan_element(child, to)

    def _plan_element(self, element: ElementInstance, scope: Node) -> None:
        old = self._places.old.nodes[element.element_id]
        if not _stands(element):
            self._places.refuse(f"element {old.id!r} is being entered, left or ended; try again in a moment")
        # A child of a multi-instance body is of the same node as the body, and goes where that goes.
        to = scope if element.loop_counter else self._places.of(old, scope)
        events = moved_events.plan(self._run, element, old, to, self._places)
        self._elements.append(ElementMove(element, to, events, self._plan_job(element, to)))
        if element.active > 0:
            self._plan_scope(element, to)

    def _plan_job(self, element: ElementInstance, to: Node) -> tuple[Job, str, int] | None:
        if not self._retype_jobs or element.job_key is None:
            return None
        job = self._run.unit.jobs.get(element.job_key)
        if job is None or job.ended_at is not None:
            return None
        try:
            type_, _, priority = job_attributes(self._run, element, to)
        except Stuck as stuck:
            self._places.refuse(f"the job it would have at {to.id!r} cannot be made: {stuck.message}")
        if type_ == job.type:
            return None
        if job.state == JOB_ACTIVATED and (job.due or 0) > self._run.now:
            at = f"worker {job.worker} is at {element.element_id!r}"
            self._places.refuse(f"{at}, whose job would become another one; try again when it is done")
        return job, type_, priority

    def _plan_join(self, join: Join, scope: Node) -> None:
        old = self._places.old.nodes[join.element_id]
        to = self._places.of(old, scope)
        arrives = to.model.incoming if to.model is not None else ()
        strange = [flow for flow in lifecycle.join_counts(join.waiting) if flow not in arrives]
        if strange or to.incoming < old.incoming:
            why = f"no flow {strange[0]!r} leads to that" if strange else "fewer flows lead to that"
            self._places.refuse(f"tokens that wait at {old.id!r} cannot wait at {to.id!r}: {why}")
        if any(other.to is to and other.join.scope_key == join.scope_key for other in self._joins):
            self._places.refuse(f"tokens wait at two gateways that cannot become {to.id!r} both")
        self._joins.append(JoinMove(join, to))

    # --- doing ------------------------------------------------------------------------------------

    def carry_out(self, definition: Definition) -> None:
        """Do what was decided."""
        instance, unit = self._instance, self._run.unit
        instance.definition_key = definition.key
        instance.process_id = definition.process_id
        instance.version = definition.version
        unit.instances.rewrite(instance)
        for move in self._elements:
            self._move(move, definition)
        self._move_joins()
        for scope, to in self._scopes:
            self._run.moved(to, instance.key, scope.key)

    def _move(self, move: ElementMove, definition: Definition) -> None:
        element, unit = move.element, self._run.unit
        element.element_id = move.to.id
        element.definition_key = definition.key
        unit.elements.rewrite(element)
        if element.incident_key is not None:
            incident = unit.incidents.get(element.incident_key)
            if incident is not None:
                incident.element_id = move.to.id
                unit.incidents.rewrite(incident)
        moved_events.carry_out(self._run, element, move.events, definition.process_id)
        if move.job is not None:
            self._retype(*move.job, element, definition)

    def _retype(
        self, job: Job, type_: str, priority: int, element: ElementInstance, definition: Definition
    ) -> None:
        job.type = type_
        job.priority = priority
        job.element_id = element.element_id
        job.definition_key = definition.key
        job.process_id = definition.process_id
        job.lease += 1  # who had it is too late from now on
        if job.state == JOB_ACTIVATED:
            job.state = JOB_ACTIVATABLE
        self._run.unit.jobs.rewrite(job)

    def _move_joins(self) -> None:
        joins = self._run.unit.joins
        moving = [move for move in self._joins if move.to.id != move.join.element_id]
        for move in moving:
            joins.remove(move.join)
        for move in moving:
            joins.add(Join(move.join.scope_key, move.to.id, move.join.root_key, move.join.waiting))


def _stands(element: ElementInstance) -> bool:
    """Whether it waits for something from outside: work, events, what is inside it, or an operator."""
    if element.state == TERMINATING or element.interrupted_by is not None:
        return False
    return element.state == ACTIVATED or element.incident_key is not None


def opening_names(new: Node) -> Iterator[str]:
    """Variables that planning may read where an element moves to a node."""
    yield from reads_of(new.job_type, new.job_retries, new.job_priority)
    for event in (*new.boundaries, *(flow.target for flow in new.outgoing)):
        yield from reads_of(*event.event_values)
