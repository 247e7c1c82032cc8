"""Business cases: stages with requests to services between, written in Python and run like any process."""

from procession.errors import CaseError, TaskIdRefused
from procession.process.cases.answering import Refusal
from procession.process.cases.asking import reply_queue, service_queue
from procession.process.cases.base import BusinessCase, catch, stage
from procession.process.cases.context import Context
from procession.process.cases.info import CaseDetail, CaseInfo, CaseStatus, StageRun
from procession.process.cases.keys import Keyring, new_key
from procession.process.cases.manager import CaseManager, cases_of
from procession.process.cases.progress import CaseFailure
from procession.process.cases.task_id import TaskId

__all__ = [
    "BusinessCase",
    "CaseDetail",
    "CaseError",
    "CaseFailure",
    "CaseInfo",
    "CaseManager",
    "CaseStatus",
    "Context",
    "Keyring",
    "Refusal",
    "StageRun",
    "TaskId",
    "TaskIdRefused",
    "cases_of",
    "catch",
    "new_key",
    "reply_queue",
    "service_queue",
    "stage",
]
