"""What the server answers: keys are texts, because JavaScript's numbers are too small for them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from procession.process.cases import CaseDetail, CaseFailure, CaseInfo, CaseStatus, StageRun


class Started(msgspec.Struct, frozen=True, kw_only=True):
    """A case that was started; it is durable."""

    id: str
    case: str
    api: str
    created: bool
    """False: an earlier request with the same Idempotency-Key started it."""
    href: str
    """Where its status and result are."""


class CaseSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One case of a list."""

    id: str
    case: str
    api: str
    status: CaseStatus
    stage: str | None
    message: str | None
    business_key: str | None
    started_at: datetime
    ended_at: datetime | None


class CaseState(msgspec.Struct, frozen=True, kw_only=True):
    """A case as it stands; hidden fields are `***`."""

    id: str
    case: str
    api: str
    status: CaseStatus
    stage: str | None
    """That runs, or runs next."""
    message: str | None
    started_at: datetime
    ended_at: datetime | None
    result: Any
    error: CaseFailure | None


class Stages(msgspec.Struct, frozen=True, kw_only=True):
    """The stages a case went through."""

    id: str
    stages: list[StageRun]


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """Whether this server can work."""

    ready: bool
    reason: str | None
    cases: list[str]
    """CASE/API that it serves."""
    refused_replies: dict[str, int]
    """Replies of services that had no effect, by reason, since it began."""


def summary_of(info: CaseInfo) -> CaseSummary:
    return CaseSummary(
        id=str(info.key),
        case=info.case_id,
        api=info.api,
        status=info.status,
        stage=info.stage,
        message=info.message,
        business_key=info.business_key,
        started_at=info.started_at,
        ended_at=info.ended_at,
    )


def state_of(detail: CaseDetail) -> CaseState:
    info = detail.info
    return CaseState(
        id=str(info.key),
        case=info.case_id,
        api=info.api,
        status=info.status,
        stage=info.stage,
        message=info.message,
        started_at=info.started_at,
        ended_at=info.ended_at,
        result=detail.result,
        error=detail.error,
    )
