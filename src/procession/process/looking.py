"""Looking at step processes: their statuses are derived from the engine's records, never kept twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec

from procession.engine.records import JOB_ACTIVATED
from procession.errors import NotFound
from procession.process.attempts import HELD, LOST, RUN
from procession.process.blueprint import Blueprint
from procession.process.info import Aborted, ProcessDetail, ProcessInfo
from procession.process.moments import at
from procession.process.recording import StepRun
from procession.process.result import Processable
from procession.process.status import HOLDING, Status
from procession.storage.searches.steps import LIST_LIMIT, InstanceFacts, instance_facts, step_visits
from procession.storage.searches.values import IncidentKind, InstanceStatus

if TYPE_CHECKING:
    import sqlalchemy as sa

NAMES = ("meta", "processable", "channel", "status", "result", "aborted")
PAGE = LIST_LIMIT
_RUNS = msgspec.json.Decoder(StepRun)
_UNFINISHED = frozenset({Status.PENDING, Status.IN_PROGRESS, Status.RETRY, Status.ERROR, Status.EXCEPTION})
"""Statuses that only a running instance has."""

Registered = Mapping[tuple[str, int], Blueprint]
"""By process id and class version."""


def class_version(tag: str | None) -> int | None:
    """The class version that a version tag names."""
    number = (tag or "").partition("-")[0].removeprefix("v")
    return int(number) if (tag or "").startswith("v") and number.isdigit() else None


class Looker:
    """Answers questions about the processes that are registered, from one database."""

    def __init__(self, engine: sa.Engine, registered: Registered) -> None:
        self._engine = engine
        self._registered = registered

    @cached_property
    def _labels(self) -> dict[str, str]:
        return {process_id: one.label for (process_id, _), one in sorted(self._registered.items(), key=_by)}

    def search(
        self,
        *,
        process_ids: Sequence[str] | None = None,
        status: Status | None = None,
        channel: str | None = None,
        processable: Processable | None = None,
        limit: int = 100,
    ) -> list[ProcessInfo]:
        """Processes that match all that is given, newest first."""
        found: list[ProcessInfo] = []
        before: int | None = None
        while len(found) < limit:
            page = self._page(process_ids, status, processable, before, limit)
            infos = [self.info(one) for one in page]
            found += [one for one in infos if status in (None, one.status) and channel in (None, one.channel)]
            if len(page) < PAGE:
                break
            before = page[-1].info.key
        return found[:limit]

    def _page(
        self,
        process_ids: Sequence[str] | None,
        status: Status | None,
        processable: Processable | None,
        before: int | None,
        limit: int,
    ) -> list[InstanceFacts]:
        return instance_facts(
            self._engine,
            process_ids if process_ids is not None else list(self._labels),
            names=NAMES,
            local=HELD,
            business_key=None if processable is None else str(processable),
            before_key=before,
            open_only=status in _UNFINISHED,
            aborted_only=status is Status.ABORTED,
            limit=PAGE,
        )

    def facts(self, key: int) -> InstanceFacts:
        """Of one process.

        Raises:
            NotFound: there is none with this key, or it is of no registered process.
        """
        found = self.facts_of([key]).get(key)
        if found is None:
            raise unknown(key)
        return found

    def facts_of(self, keys: Sequence[int]) -> dict[int, InstanceFacts]:
        """Of those that there are, PAGE at most."""
        found = instance_facts(
            self._engine, list(self._labels), names=NAMES, local=HELD, keys=keys, limit=PAGE
        )
        return {one.info.key: one for one in found}

    def detail(self, key: int) -> ProcessDetail:
        """One process with its history.

        Raises:
            NotFound: as `facts`.
        """
        facts = self.facts(key)
        runs = [
            _RUNS.decode(text)
            for visit in step_visits(self._engine, key, RUN)
            for text in visit.variables.values()
        ]
        return ProcessDetail(
            info=self.info(facts),
            meta=facts.variables.get("meta") or {},
            result=facts.variables.get("result"),
            aborted=_aborted(facts),
            history=sorted([*runs, *_now_running(facts)], key=lambda run: run.started_at),
        )

    def info(self, facts: InstanceFacts) -> ProcessInfo:
        info, job = facts.info, facts.job
        status = self.status(facts)
        version = class_version(facts.version_tag)
        meta = facts.variables.get("meta")
        display = meta.get("display") if isinstance(meta, dict) else None
        processable = facts.variables.get("processable")
        return ProcessInfo(
            key=info.key,
            process_id=info.process_id,
            label=self._labels.get(info.process_id, info.process_id),
            class_version=version,
            processable=None if processable is None else str(msgspec.convert(processable, Processable)),
            channel=facts.variables.get("channel") or "default",
            status=status,
            step=facts.element_id,
            message=self._message(facts, version),
            started_at=info.started_at,
            ended_at=info.ended_at,
            due_at=at(job.due) if status is Status.RETRY and job is not None and job.due else None,
            display=display if isinstance(display, dict) else {},
            incident_key=facts.incident.key if facts.incident is not None else None,
            job_key=job.key if job is not None else None,
        )

    def status(self, facts: InstanceFacts) -> Status:
        """What its records mean."""
        if facts.info.state is InstanceStatus.TERMINATED:
            return Status.ABORTED
        if facts.info.state is InstanceStatus.COMPLETED:
            return Status(facts.variables.get("status") or Status.SUCCESS)
        if facts.incident is not None:
            return _held(facts)
        job = facts.job
        if job is None:
            return Status.IN_PROGRESS
        if job.state == JOB_ACTIVATED:
            return Status.IN_PROGRESS if (job.due or 0) > facts.now else Status.RETRY
        if job.failures:
            return Status.RETRY
        return Status.PENDING if self._has_not_begun(facts) else Status.IN_PROGRESS

    def _has_not_begun(self, facts: InstanceFacts) -> bool:
        known = self._registered.get((facts.info.process_id, class_version(facts.version_tag) or 0))
        return facts.element_id in ("turn", known.steps[0].name if known is not None else None)

    def _message(self, facts: InstanceFacts, version: int | None) -> str | None:
        if (aborted := _aborted(facts)) is not None:
            return aborted.reason
        if facts.incident is not None:
            return facts.incident.message
        if facts.info.state is not InstanceStatus.ACTIVE:
            return None
        if (facts.info.process_id, version) not in self._registered:
            return f"waits for a worker with the code of version {version}, which is not registered here"
        if facts.element_id == "turn":
            return "waits for its turn in the channel"
        return facts.job.error_message if facts.job is not None and facts.job.failures else None


def unknown(key: int) -> NotFound:
    return NotFound(f"there is no process with key {key} among those registered", key=key)


def _by(item: tuple[tuple[str, int], Blueprint]) -> tuple[str, int]:
    return item[0]


def _held(facts: InstanceFacts) -> Status:
    """What an incident means: what its step said, ERROR for tries that are used up, else EXCEPTION."""
    incident = facts.incident
    if incident is None or incident.kind is not IncidentKind.JOB_NO_RETRIES:
        return Status.EXCEPTION
    said = facts.local
    return Status(said) if said in HOLDING else Status.ERROR


def _aborted(facts: InstanceFacts) -> Aborted | None:
    value = facts.variables.get("aborted")
    return None if value is None else msgspec.convert(value, Aborted)


def _now_running(facts: InstanceFacts) -> list[StepRun]:
    """The run that has left no record yet: under way, or lost with its worker."""
    job = facts.job
    if job is None or job.state != JOB_ACTIVATED or facts.info.state is not InstanceStatus.ACTIVE:
        return []
    lost = (job.due or 0) <= facts.now
    moment = at(job.due if lost and job.due else facts.now)
    return [
        StepRun(
            step=facts.element_id or job.element_id,
            status=Status.RETRY if lost else Status.IN_PROGRESS,
            message=LOST if lost else "",
            started_at=moment,
            ended_at=moment,
            attempt=job.failures + 1,
            worker=job.worker,
        )
    ]
