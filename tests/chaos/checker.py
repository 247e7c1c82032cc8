"""Whether a database tells the story that was drawn, and keeps every promise in the journals.

Nothing here uses the engine: the drawing is read as XML, the database as plain tables.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from .drawing import Drawing, Element, read_drawing
from .history import LEFTOVERS, End, History, Instance, Job, JobEnd, Visit, read_history
from .leases import leases
from .messages import messages
from .promises import Promises, Start, read_promises
from .replay import replay, scope_of
from .signals import signals
from .story import VOYAGE as STORY
from .story import first_of

_UNKNOWN = Start(facts={"route": 0, "fault": 0, "a": 0, "b": 0}, elements=("Start",), sure=False)


def check(url: str, drawing: Path, journals: list[Path]) -> list[str]:
    """Everything that is wrong; an empty list is the proof."""
    story = Check(read_drawing(drawing), read_history(url), read_promises(journals))
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
        yield from messages(self.history, self.promises)
        yield from signals(self.history, self.promises)
        yield from leases(self.history, self.promises)
        yield from self._leftovers()
        for instance in self.history.instances.values():
            yield from self._instance(instance)
        yield from self._strays()

    # --- promises -------------------------------------------------------------------------------

    def _starts(self) -> Iterator[str]:
        roots = [i for i in self.history.instances.values() if i.process_id == STORY]
        found: dict[str | None, list[int]] = defaultdict(list)
        for root in roots:
            found[self.history.ref_of(root.key)].append(root.key)
        for ref, key in self.promises.started.items():
            keys = found.get(ref, [])
            if len(keys) != 1 or key not in (None, keys[0]):
                yield f"start {ref} was acknowledged as {key}, the database has {keys}"
        for known, keys in found.items():
            if known not in self.promises.meant:
                yield f"nobody started {known}"
            elif len(keys) > 1:
                yield f"one start of {known} made {keys}"
        acknowledged = {first_of(ref) for ref in self.promises.started}
        for ref, start in self.promises.meant.items():
            if ref not in self.promises.started and (start.sure or first_of(ref) not in acknowledged):
                yield f"start {ref} was never acknowledged"

    def _leftovers(self) -> Iterator[str]:
        for table in LEFTOVERS:
            if self.history.waiting[table]:
                yield f"{self.history.waiting[table]} rows are left in {table}"
        for incident in self.history.incidents:
            yield f"an incident is open: {incident}"

    # --- instances ------------------------------------------------------------------------------

    def _instance(self, instance: Instance) -> Iterator[str]:
        name = self.history.ref_of(instance.key) or instance.start_key or instance.key
        where = f"{instance.process_id} {name}"
        if instance.ended_at is None or instance.state not in (End.COMPLETED, End.TERMINATED):
            yield f"{where} has not ended (state {instance.state})"
        if instance.active:
            yield f"{where} still counts {instance.active} tokens"
        terminated = instance.state == End.TERMINATED
        if terminated and instance.parent_element_key is None:
            yield f"{where} was cancelled by nobody"
        yield from self._scope(where, instance.process_id, instance.key, self._start(instance), terminated)

    def _start(self, instance: Instance) -> Start:
        """How it was begun; what begins otherwise than a voyage does so at its start event."""
        start = self.promises.meant.get(self.history.ref_of(instance.root_key) or "", _UNKNOWN)
        return start if instance.process_id == STORY else replace(start, elements=())

    def _scope(self, where: str, container: str, key: int, start: Start, terminated: bool) -> Iterator[str]:
        visits = self.history.visits.get(key, [])
        scope = scope_of(
            where,
            container,
            visits,
            terminated=terminated,
            drawing=self.drawing,
            elements=start.elements,
        )
        yield from replay(scope, self.drawing, start.facts)
        for visit in visits:
            element = self.drawing.elements.get(visit.element_id)
            if element is not None:
                yield from self._inside(f"{where} {visit.element_id}", element, visit, start)

    def _inside(self, where: str, element: Element, visit: Visit, start: Start) -> Iterator[str]:
        """What an element started: children of a loop, the inside of a sub-process, a call, a job."""
        if element.looped and visit.loop_counter == 0:
            yield from self._loop(where, element, visit, start)
        elif element.tag == "subProcess":
            terminated = visit.state == End.TERMINATED
            yield from self._scope(where, element.id, visit.key, start, terminated)
        elif element.tag == "callActivity":
            yield from self._call(where, visit)
        else:
            yield from self._job(where, element, visit)

    def _loop(self, where: str, element: Element, body: Visit, start: Start) -> Iterator[str]:
        children = self.history.visits.get(body.key, [])
        counters = sorted(child.loop_counter for child in children)
        wanted = list(range(1, body.loop_total + 1))
        done = sum(child.completed for child in children)
        if len(set(counters)) != len(counters) or (body.completed and counters != wanted):
            yield f"{where}: children {counters} of {body.loop_total}"
        if body.loop_completed != done or (body.completed and done != body.loop_total):
            yield f"{where}: {done} children completed, {body.loop_completed} were counted"
        for child in children:
            yield from self._inside(f"{where}[{child.loop_counter}]", element, child, start)

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
