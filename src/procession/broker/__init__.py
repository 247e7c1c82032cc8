"""The running node: batches of commands, timers, job leases, wake-ups."""

from procession.broker.deployment import prepare
from procession.broker.forks import forks
from procession.broker.health import Readiness
from procession.broker.inbox import Inbox
from procession.broker.intake import FORKED
from procession.broker.jobs import ActivatedJob, JobStream, LostLease
from procession.broker.node import Node
from procession.broker.notices import IncidentNotice
from procession.broker.wakeup import Hint

__all__ = [
    "FORKED",
    "ActivatedJob",
    "Hint",
    "Inbox",
    "IncidentNotice",
    "JobStream",
    "LostLease",
    "Node",
    "Readiness",
    "forks",
    "prepare",
]
