"""Handing jobs out: which workers wait for which type, and what they get in which transaction.

A job that is created while a worker waits is leased to it in the same transaction. The database is
asked for more only when there may be any: after a hint, when a lease or backoff ends, or when jobs
were left over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from procession.engine import Graph, Missed, Reads, Unit
from procession.engine.records import (
    JOB_ACTIVATABLE,
    JOB_ACTIVATED,
    ElementInstance,
    Job,
    ProcessInstance,
    Variable,
)
from procession.storage.port import Transaction

MOST_AT_ONCE = 1000
"""Jobs of one type handed out in one transaction."""
MOST_TYPES = 10_000
"""Job types that are remembered while nobody waits for them."""
_VALUE = Variable.__struct_fields__.index("value")


class LostLease(msgspec.Struct, frozen=True, gc=False):
    """A lease that ended without an answer: its worker died, or was too slow."""

    number: int
    worker: str | None
    ended_at: int
    """Epoch milliseconds."""

    @classmethod
    def of(cls, job: Job, now: int) -> LostLease | None:
        """What is lost if the job is leased to another one now."""
        if job.state != JOB_ACTIVATED or job.due is None or job.due > now:
            return None
        return cls(job.lease, job.worker, job.due)


class ActivatedJob(msgspec.Struct, frozen=True, gc=False):
    """A job as it is handed to a worker: its record, and what belongs to it elsewhere."""

    record: Job
    """As it was committed."""
    version: int
    """Of the process definition."""
    business_key: str | None
    headers: dict[str, str]
    variables: dict[str, str]
    """JSON texts by name: all that are visible, or those asked for."""
    lost: LostLease | None = None
    """The lease before this one, if nobody answered under it. Not known of jobs of a remote server."""

    @property
    def key(self) -> int:
        return self.record.key

    @property
    def lease(self) -> int:
        return self.record.lease

    @property
    def deadline(self) -> int:
        """Epoch milliseconds at which the lease ends."""
        return self.record.due or 0


class JobStream:
    """A worker's standing request for jobs of one type; `credits` is how many it can take now."""

    def __init__(
        self,
        type_: str,
        worker: str,
        timeout: int,
        fetch: tuple[str, ...] | None,
        deliver: Callable[[list[ActivatedJob]], None],
        *,
        credits: int = 0,
        once: bool = False,
        hasty: bool = False,
    ) -> None:
        self.type = type_
        self.worker = worker
        self.timeout = timeout
        """Milliseconds of the lease."""
        self.fetch = fetch
        self.deliver = deliver
        """Called on the node's thread after the commit; must not block."""
        self.credits = credits
        self.rest_seconds = 1.0
        """Where the engine has to be asked for jobs: so soon again."""
        self.once = once
        """The first delivery ends it."""
        self.hasty = hasty
        """It does not wait: where there are no jobs for it, it is delivered an empty list at once."""


class _Demand:
    """What is known about one job type."""

    __slots__ = ("backlog", "next_due", "streams")

    def __init__(self) -> None:
        self.streams: dict[JobStream, None] = {}
        """In the order in which they came."""
        self.backlog = True
        """There may be activatable jobs in the database."""
        self.next_due: int | None = None
        """When a lease or backoff ends."""

    def room(self) -> int:
        return min(sum(stream.credits for stream in self.streams), MOST_AT_ONCE)

    def has_room(self) -> bool:
        return any(stream.credits > 0 for stream in self.streams)

    def is_due(self, now: int) -> bool:
        return self.backlog or (self.next_due is not None and self.next_due <= now)

    def note_due(self, due: int) -> None:
        if self.next_due is None or due < self.next_due:
            self.next_due = due


Handed = list[tuple[JobStream, Job]]


class JobBoard:
    """Used by the node's thread only. What it costs grows with the types that have work, not with those
    that are waited for."""

    def __init__(self) -> None:
        self._demands: dict[str, _Demand] = {}
        self._left: dict[str, None] = {}
        """The types nobody waits for just now, longest left first: who polls comes back."""
        self._waiting: set[str] = set()
        """The types with streams for which there is, or will be, a reason to look."""
        self.hasty: list[JobStream] = []
        """Streams that want to know at once whether there is anything for them."""
        self.lost: dict[int, LostLease] = {}
        """By job, what was lost of those that `assign` has handed out last."""

    def open(self, stream: JobStream) -> None:
        demand = self._demands.setdefault(stream.type, _Demand())
        demand.streams[stream] = None
        self._left.pop(stream.type, None)
        self._consider(stream.type, demand)
        if stream.hasty:
            self.hasty.append(stream)

    def close(self, stream: JobStream) -> None:
        demand = self._demands.get(stream.type)
        if demand is None or stream not in demand.streams:
            return
        del demand.streams[stream]
        if demand.streams:
            return
        self._waiting.discard(stream.type)
        self._left[stream.type] = None
        if len(self._left) > MOST_TYPES:
            oldest = next(iter(self._left))
            del self._left[oldest], self._demands[oldest]

    def _consider(self, type_: str, demand: _Demand) -> None:
        """Note whether there is a reason to look for jobs of the type, now or later."""
        if demand.streams and (demand.backlog or demand.next_due is not None):
            self._waiting.add(type_)
        else:
            self._waiting.discard(type_)

    def expect(self, types: Iterable[str] | None) -> None:
        """There may be jobs of these types (None: of any)."""
        for type_ in self._demands if types is None else types:
            demand = self._demands.get(type_)
            if demand is not None:
                demand.backlog = True
                self._consider(type_, demand)

    def wanted(self, now: int) -> bool:
        """Whether a transaction would find jobs somebody waits for."""
        waited_for = map(self._demands.__getitem__, self._waiting)
        return any(demand.is_due(now) and demand.has_room() for demand in waited_for)

    def next_due(self) -> int | None:
        """When a lease or backoff ends that somebody waits for."""
        waited_for = map(self._demands.__getitem__, self._waiting)
        dues = [d.next_due for d in waited_for if d.next_due is not None and d.has_room()]
        return min(dues, default=None)

    def assign(self, unit: Unit, transaction: Transaction) -> Handed:
        """Lease jobs to those who wait, as part of the transaction. Credits fall with the commit."""
        now = transaction.clock.now
        ready = _ready_jobs(unit, now)
        handed: Handed = []
        self.lost.clear()
        due = {type_ for type_ in self._waiting if self._demands[type_].is_due(now)}
        for type_ in [*ready, *(due - ready.keys())]:
            demand = self._demands.get(type_)
            if demand is not None:
                handed += _assign(type_, demand, ready.get(type_, []), unit, transaction, self.lost)
                self._consider(type_, demand)
        return handed

    def note(self, unit: Unit) -> None:
        """After a commit: remember when jobs that back off come back."""
        for job in unit.jobs.live.values():
            demand = self._demands.get(job.type)
            if demand is not None and job.state == JOB_ACTIVATABLE and job.due is not None:
                demand.note_due(job.due)
                self._consider(job.type, demand)


def _assign(
    type_: str,
    demand: _Demand,
    ready: list[Job],
    unit: Unit,
    transaction: Transaction,
    lost: dict[int, LostLease],
) -> Handed:
    now, room = transaction.clock.now, demand.room()
    if room == 0:
        demand.backlog = demand.backlog or bool(ready)
        return []
    jobs: list[Job] = []
    if demand.is_due(now):
        jobs = transaction.activatable(unit, type_, room)
        demand.backlog = len(jobs) == room
        demand.next_due = transaction.next_job_due(type_)
    chosen = (jobs + ready)[:room]
    demand.backlog = demand.backlog or len(jobs) + len(ready) > room
    lost.update({job.key: found for job in jobs if (found := LostLease.of(job, now)) is not None})
    handed = _lease(chosen, demand.streams, now)
    for stream, _ in handed:
        demand.note_due(now + stream.timeout)
    return handed


def _ready_jobs(unit: Unit, now: int) -> dict[str, list[Job]]:
    """Jobs that this transaction made activatable, by type, those of high priority first."""
    ready: dict[str, list[Job]] = {}
    for job in unit.jobs.live.values():
        if job.state == JOB_ACTIVATABLE and job.due is not None and job.due <= now:
            ready.setdefault(job.type, []).append(job)
    for jobs in ready.values():
        jobs.sort(key=lambda job: (-job.priority, job.key))
    return ready


def _lease(jobs: list[Job], streams: Iterable[JobStream], now: int) -> Handed:
    """Deal the jobs out, one to each stream in turn."""
    handed: Handed = []
    waiting = iter(jobs)
    left = [(stream, stream.credits) for stream in streams if stream.credits > 0]
    while left:
        for stream, _ in left:
            job = next(waiting, None)
            if job is None:
                return handed
            job.state = JOB_ACTIVATED
            job.lease += 1
            job.worker = stream.worker
            job.due = now + stream.timeout
            handed.append((stream, job))
        left = [(stream, credits - 1) for stream, credits in left if credits > 1]
    return handed


def declare_activation(want: Reads, stream: JobStream, job: Job) -> bool:
    """Name what a worker is told about a job. Answers whether more follows from what is loaded now."""
    unit = want.unit
    element = want.get(unit.elements, job.element_key)
    want.get(unit.instances, job.instance_key)
    want.graph(job.definition_key)
    if element is None:
        return True
    keys = _scope_keys(unit, element)
    if stream.fetch is None:
        for scope_key in keys:
            want.find(unit.variables, "scope", scope_key)
    else:
        want.get_all(unit.variables, [(scope_key, name) for name in stream.fetch for scope_key in keys])
    return False


def _scope_keys(unit: Unit, element: ElementInstance) -> list[int]:
    """The scopes it sees that have variables, innermost first."""
    keys = [element.key] if element.locals else []
    while element.scope_key != element.instance_key:
        around = unit.elements.get(element.scope_key)
        if around is None:
            break
        element = around
        if element.locals:
            keys.append(element.key)
    return [*keys, element.instance_key]


def describe(
    unit: Unit,
    stream: JobStream,
    job: Job,
    graphs: Callable[[int], Graph | None],
    lost: LostLease | None = None,
) -> ActivatedJob:
    """The job as the worker sees it.

    Raises:
        Missed: something was not loaded (`declare_activation` names it).
    """
    element = unit.elements.get(job.element_key)
    instance = unit.instances.get(job.instance_key)
    graph = graphs(job.definition_key)
    if element is None or instance is None:
        raise LookupError(f"job {job.key} has no element instance")
    if graph is None:
        raise Missed("graph", None, job.definition_key)
    return ActivatedJob(
        _as_seen(job, element, instance),
        instance.version,
        instance.business_key,
        graph.nodes[job.element_id].headers,
        _variables(unit, element, stream.fetch),
        lost,
    )


def _as_seen(job: Job, element: ElementInstance, instance: ProcessInstance) -> Job:
    """The job's record, with the element where it is by now: that may have moved to another version."""
    if job.element_id == element.element_id and job.definition_key == element.definition_key:
        return job
    return msgspec.structs.replace(
        job,
        element_id=element.element_id,
        definition_key=element.definition_key,
        process_id=instance.process_id,
    )


def _variables(unit: Unit, element: ElementInstance, fetch: tuple[str, ...] | None) -> dict[str, str]:
    values: dict[str, str] = {}
    look = unit.variables.row
    for scope_key in reversed(_scope_keys(unit, element)):
        if fetch is None:
            values.update({v.name: v.value for v in unit.variables.find("scope", scope_key)})
        else:
            for name in fetch:
                row = look((scope_key, name))
                if row is not None:
                    values[name] = row[_VALUE]
    return values
