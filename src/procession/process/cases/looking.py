"""Looking at business cases: what they are at is derived from the engine's records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from procession.errors import NotFound
from procession.process.cases.blueprint import CaseBlueprint
from procession.process.cases.hiding import masked
from procession.process.cases.info import ENDED, CaseDetail, CaseInfo, CaseStatus, StageRun
from procession.process.cases.progress import (
    CASE,
    ERROR,
    PAYLOAD,
    REQUEST,
    RESERVED,
    RESULT,
    Asked,
    CaseFailure,
    Move,
    Progress,
)
from procession.process.moments import at
from procession.storage.searches.cases import root_variables, visits
from procession.storage.searches.steps import InstanceFacts, instance_facts
from procession.storage.searches.values import InstanceStatus

if TYPE_CHECKING:
    import sqlalchemy as sa

T = TypeVar("T")

NAMES = (CASE, REQUEST, ERROR)
PAGE = 500
NO_LOCAL = ""

Registered = Mapping[str, CaseBlueprint]
"""By process id."""


class CaseLooker:
    """Answers questions about the cases that are registered, from one database."""

    def __init__(self, engine: sa.Engine, registered: Registered) -> None:
        self._engine = engine
        self._registered = registered

    def search(
        self,
        *,
        process_ids: Sequence[str] | None = None,
        status: CaseStatus | None = None,
        business_key: str | None = None,
        limit: int = 100,
    ) -> list[CaseInfo]:
        """Cases that match all that is given, newest first."""
        found: list[CaseInfo] = []
        before: int | None = None
        while len(found) < limit:
            page = instance_facts(
                self._engine,
                list(self._registered) if process_ids is None else process_ids,
                names=NAMES,
                local=NO_LOCAL,
                business_key=business_key,
                before_key=before,
                open_only=status is not None and status not in ENDED,
                aborted_only=status is CaseStatus.CANCELLED,
                limit=PAGE if status is not None else min(PAGE, limit - len(found)),
            )
            infos = [self.info(facts) for facts in page]
            found += [info for info in infos if status in (None, info.status)]
            if len(page) < (PAGE if status is not None else 1):
                break
            before = page[-1].info.key
        return found[:limit]

    def find(self, key: int) -> CaseInfo:
        """One case.

        Raises:
            NotFound: there is none with this key, or it is of no registered class.
        """
        return self.info(self._facts(key))

    def detail(self, key: int) -> CaseDetail:
        """One case with its data and stages.

        Raises:
            NotFound: as `find`.
        """
        facts = self._facts(key)
        blueprint = self._registered[facts.info.process_id]
        variables = masked(root_variables(self._engine, key), blueprint.kind.HIDDEN)
        return CaseDetail(
            info=self.info(facts),
            payload=variables.get(PAYLOAD),
            data={name: one for name, one in variables.items() if name not in RESERVED and one is not None},
            result=variables.get(RESULT),
            error=_failure(facts),
            stages=[
                StageRun(
                    stage=visit.element_id,
                    started_at=at(visit.started_at),
                    ended_at=None if visit.ended_at is None else at(visit.ended_at),
                )
                for visit in visits(self._engine, key, [stage.name for stage in blueprint.stages])
            ],
        )

    def _facts(self, key: int) -> InstanceFacts:
        found = instance_facts(self._engine, list(self._registered), names=NAMES, local=NO_LOCAL, keys=[key])
        if not found:
            raise NotFound(f"there is no case with key {key} among those registered", key=key)
        return found[0]

    def info(self, facts: InstanceFacts) -> CaseInfo:
        info, job = facts.info, facts.job
        blueprint = self._registered[info.process_id]
        progress = _progress(facts)
        status = _status(facts, blueprint, progress)
        return CaseInfo(
            key=info.key,
            case_id=blueprint.case_id,
            api=blueprint.api,
            label=blueprint.label,
            status=status,
            stage=None if status in ENDED else _stage(facts, blueprint, progress),
            message=_message(facts, status, progress),
            business_key=info.business_key,
            started_at=info.started_at,
            ended_at=info.ended_at,
            due_at=at(job.due) if status is CaseStatus.RETRY and job is not None and job.due else None,
            incident_key=facts.incident.key if facts.incident is not None else None,
        )


def _status(facts: InstanceFacts, blueprint: CaseBlueprint, progress: Progress | None) -> CaseStatus:
    if facts.info.state is InstanceStatus.TERMINATED:
        return CaseStatus.CANCELLED
    if facts.info.state is InstanceStatus.COMPLETED:
        failed = progress is not None and progress.move is Move.FAIL
        return CaseStatus.FAILED if failed else CaseStatus.FINISHED
    if facts.incident is not None:
        return CaseStatus.HELD
    if blueprint.stage(facts.element_id or "") is not None:
        return CaseStatus.RETRY if facts.job is not None and facts.job.failures else CaseStatus.RUNNING
    waits = progress is not None and progress.move in (Move.REQUEST, Move.DELAY)
    return CaseStatus.WAITING if waits else CaseStatus.RUNNING


def _stage(facts: InstanceFacts, blueprint: CaseBlueprint, progress: Progress | None) -> str:
    if blueprint.stage(facts.element_id or "") is not None:
        return facts.element_id or ""
    return blueprint.first if progress is None else progress.stage


def _message(facts: InstanceFacts, status: CaseStatus, progress: Progress | None) -> str | None:
    job = facts.job
    if facts.incident is not None:
        return facts.incident.message
    if status is CaseStatus.FAILED:
        failure = _failure(facts)
        return None if failure is None else failure.message
    if status is CaseStatus.RETRY:
        return None if job is None else job.error_message
    if status is not CaseStatus.WAITING or progress is None:
        return None
    if progress.move is Move.DELAY:
        return f"waits {progress.delay} before {progress.stage}"
    asked = _converted(facts.variables.get(REQUEST), Asked)
    what = f"the reply of {asked.service} to {asked.command}" if asked is not None else "a reply"
    if job is not None and job.failures:
        return f"waits to ask for {what}: {job.error_message}"
    return f"waits for {what}"


def _progress(facts: InstanceFacts) -> Progress | None:
    return _converted(facts.variables.get(CASE), Progress)


def _failure(facts: InstanceFacts) -> CaseFailure | None:
    return _converted(facts.variables.get(ERROR), CaseFailure)


def _converted(value: Any, type: type[T]) -> T | None:
    """None also for what somebody else put there: looking at a case never fails for that."""
    try:
        return None if value is None else msgspec.convert(value, type)
    except msgspec.ValidationError:
        return None
