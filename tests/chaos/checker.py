"""Whether a database tells the story that was drawn, and keeps every promise in the journals.

Nothing here uses the engine: the drawing is read as XML, the database as SQLite tables.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .drawing import Drawing, Element, read_drawing
from .history import LEFTOVERS, End, History, Instance, Job, JobEnd, Visit, read_history
from .journal import Entry, read_journal
from .replay import Facts, replay, scope_of

STORY = "voyage"
ECHO = "echo"


@dataclass(slots=True, kw_only=True)
class Promises:
    """What the journals hold, by kind."""

    meant: dict[str, Facts]
    """Starts that were intended: reference -> variables."""
    started: dict[str, int]
    """Starts that were acknowledged: reference -> instance key."""
    meant_messages: set[tuple[str, str, str]]
    published: dict[tuple[str, str, str], int | None]
    """(name, correlation key, message id) -> message key, where the answer told it."""
    completed: set[int]
    """Keys of jobs."""


def read_promises(journals: list[Path]) -> Promises:
    promises = Promises(meant={}, started={}, meant_messages=set(), published={}, completed=set())
    for journal in journals:
        for entry in read_journal(journal):
            _add(entry, promises)
    return promises


def _add(entry: Entry, promises: Promises) -> None:
    match entry:
        case {"kind": "start?", "ref": str(ref), "facts": dict(facts)}:
            promises.meant[ref] = facts
        case {"kind": "started", "ref": str(ref), "key": int(key)}:
            promises.started[ref] = key
        case {"kind": "publish?", "name": str(name), "ref": str(ref), "id": str(id_)}:
            promises.meant_messages.add((name, ref, id_))
        case {"kind": "published", "name": str(name), "ref": str(ref), "id": str(id_), "key": key}:
            if promises.published.get((name, ref, id_)) is None:
                promises.published[name, ref, id_] = key
        case {"kind": "completed", "job": int(job)}:
            promises.completed.add(job)
        case {"kind": "complete?" | "refused"}:
            return
        case _:
            raise ValueError(f"a journal holds {entry!r}")


def check(database: Path, drawing: Path, journals: list[Path]) -> list[str]:
    """Everything that is wrong; an empty list is the proof."""
    story = Check(read_drawing(drawing), read_history(database), read_promises(journals))
    return list(story.complaints())


class Check:
    """One database against one set of journals."""

    def __init__(self, drawing: Drawing, history: History, promises: Promises) -> None:
        self.drawing = drawing
        self.history = history
        self.promises = promises
        self._jobs: dict[int, list[Job]] = defaultdict(list)
        for job in history.jobs.values():
            self._jobs[job.element_key].append(job)
        self._called: dict[int, list[Instance]] = defaultdict(list)
        for instance in history.instances.values():
            if instance.parent_element_key is not None:
                self._called[instance.parent_element_key].append(instance)

    def complaints(self) -> Iterator[str]:
        yield from self._starts()
        yield from self._messages()
        yield from self._completions()
        yield from self._leftovers()
        for instance in self.history.instances.values():
            yield from self._instance(instance)
        yield from self._strays()

    # --- promises -------------------------------------------------------------------------------

    def _starts(self) -> Iterator[str]:
        roots = [i for i in self.history.instances.values() if i.process_id == STORY]
        found: dict[str | None, list[int]] = defaultdict(list)
        for root in roots:
            found[root.idempotency_key].append(root.key)
        for ref, key in self.promises.started.items():
            if found.get(ref) != [key]:
                yield f"start {ref} was acknowledged as {key}, the database has {found.get(ref)}"
        for known in found:
            if known not in self.promises.meant:
                yield f"nobody started {known}"
        for ref in self.promises.meant.keys() - self.promises.started.keys():
            yield f"start {ref} was never acknowledged"

    def _messages(self) -> Iterator[str]:
        found: dict[tuple[str, str, str | None], list[int]] = defaultdict(list)
        for message in self.history.messages:
            found[message.name, message.correlation_key, message.message_id].append(message.key)
        for identity, key in self.promises.published.items():
            keys = found.get(identity, [])
            if len(keys) != 1 or key not in (None, keys[0]):
                yield f"message {identity} was acknowledged as {key}, the database has {keys}"
        for known in found.keys() - self.promises.meant_messages:
            yield f"nobody published {known}"
        yield from self._echoes()

    def _echoes(self) -> Iterator[str]:
        echoes = Counter(i.start_key or "" for i in self.history.instances.values() if i.process_id == ECHO)
        expected = {ref for name, ref, _ in self.promises.published if name == "hello"}
        possible = {ref for name, ref, _ in self.promises.meant_messages if name == "hello"}
        for ref in expected | set(echoes):
            if echoes[ref] > 1 or (ref in expected and not echoes[ref]) or ref not in possible:
                yield f"hello of {ref} started {echoes[ref]} echoes"

    def _completions(self) -> Iterator[str]:
        for key in self.promises.completed:
            job = self.history.jobs.get(key)
            if job is None or job.state != JobEnd.COMPLETED:
                yield f"completion of job {key} was acknowledged, but it is {job}"

    def _leftovers(self) -> Iterator[str]:
        for table in LEFTOVERS:
            if self.history.waiting[table]:
                yield f"{self.history.waiting[table]} rows are left in {table}"
        for incident in self.history.incidents:
            yield f"an incident is open: {incident}"

    # --- instances ------------------------------------------------------------------------------

    def _instance(self, instance: Instance) -> Iterator[str]:
        where = f"{instance.process_id} {instance.idempotency_key or instance.start_key or instance.key}"
        if instance.ended_at is None or instance.state not in (End.COMPLETED, End.TERMINATED):
            yield f"{where} has not ended (state {instance.state})"
        if instance.active:
            yield f"{where} still counts {instance.active} tokens"
        terminated = instance.state == End.TERMINATED
        if terminated and instance.parent_element_key is None:
            yield f"{where} was cancelled by nobody"
        yield from self._scope(where, instance.process_id, instance.key, self._facts(instance), terminated)
        if instance.process_id == STORY:
            yield from self._deliveries(where, instance)

    def _facts(self, instance: Instance) -> Facts:
        root = self.history.instances.get(instance.root_key)
        ref = root.idempotency_key if root is not None else None
        return self.promises.meant.get(ref or "", {"route": 0, "fault": 0, "a": 0, "b": 0})

    def _scope(self, where: str, container: str, key: int, facts: Facts, terminated: bool) -> Iterator[str]:
        visits = self.history.visits.get(key, [])
        scope = scope_of(where, container, visits, terminated=terminated, drawing=self.drawing)
        yield from replay(scope, self.drawing, facts)
        for visit in visits:
            element = self.drawing.elements.get(visit.element_id)
            if element is not None:
                yield from self._inside(f"{where} {visit.element_id}", element, visit, facts)

    def _inside(self, where: str, element: Element, visit: Visit, facts: Facts) -> Iterator[str]:
        """What an element started: children of a loop, the inside of a sub-process, a call, a job."""
        if element.looped and visit.loop_counter == 0:
            yield from self._loop(where, element, visit, facts)
        elif element.tag == "subProcess":
            terminated = visit.state == End.TERMINATED
            yield from self._scope(where, element.id, visit.key, facts, terminated)
        elif element.tag == "callActivity":
            yield from self._call(where, visit)
        else:
            yield from self._job(where, element, visit)

    def _loop(self, where: str, element: Element, body: Visit, facts: Facts) -> Iterator[str]:
        children = self.history.visits.get(body.key, [])
        counters = sorted(child.loop_counter for child in children)
        wanted = list(range(1, body.loop_total + 1))
        done = sum(child.completed for child in children)
        if len(set(counters)) != len(counters) or (body.completed and counters != wanted):
            yield f"{where}: children {counters} of {body.loop_total}"
        if body.loop_completed != done or (body.completed and done != body.loop_total):
            yield f"{where}: {done} children completed, {body.loop_completed} were counted"
        for child in children:
            yield from self._inside(f"{where}[{child.loop_counter}]", element, child, facts)

    def _call(self, where: str, visit: Visit) -> Iterator[str]:
        states = [called.state for called in self._called.get(visit.key, [])]
        if states != [visit.state]:
            yield f"{where}: ended as {visit.state}, what it called as {states}"

    def _job(self, where: str, element: Element, visit: Visit) -> Iterator[str]:
        jobs = self._jobs.get(visit.key, [])
        if len(jobs) != (1 if element.has_job else 0):
            yield f"{where}: has {len(jobs)} jobs"
        ends = (JobEnd.COMPLETED,) if visit.completed else (JobEnd.CANCELED, JobEnd.ERROR_THROWN)
        for job in jobs:
            if job.state not in ends or job.due is not None or job.ended_at is None:
                yield f"{where}: its job is left as {job}"

    def _deliveries(self, where: str, instance: Instance) -> Iterator[str]:
        """A nudge writes its id into the instance: as many nudges as ids, and no id twice."""
        ids = self.history.written.get((instance.key, "nudge_id"), [])
        visits = self.history.visits.get(instance.key, [])
        nudges = sum(visit.element_id == "Nudged" for visit in visits)
        if len(set(ids)) != len(ids) or len(ids) != nudges:
            yield f"{where}: nudged {nudges} times by {ids}"

    # --- nothing else ---------------------------------------------------------------------------

    def _strays(self) -> Iterator[str]:
        """Rows that belong to nothing that was reached from an instance."""
        known: set[Any] = set(self.history.instances)
        known |= {visit.key for visits in self.history.visits.values() for visit in visits}
        for scope in self.history.visits.keys() - known:
            yield f"elements are in a scope {scope} that is not there"
        for element in self._jobs.keys() - known:
            yield f"a job is left of an element {element} that is not there"
        for caller in self._called.keys() - known:
            yield f"a called instance is left of an element {caller} that is not there"
