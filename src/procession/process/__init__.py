"""Business processes written in Python: steps in a class, run and recorded like any process."""

from procession.errors import ProcessEnded, ProcessError
from procession.process.base import Process, Task
from procession.process.bulk import Bulk
from procession.process.channel import Channel
from procession.process.cool_down import CoolDown
from procession.process.info import Aborted, ProcessDetail, ProcessInfo
from procession.process.manager import ProcessManager, manager_of
from procession.process.policy import RetryPolicy
from procession.process.recording import LogLine, Payload, StepRun
from procession.process.result import Processable, ProcessResult
from procession.process.status import Status

__all__ = [
    "Aborted",
    "Bulk",
    "Channel",
    "CoolDown",
    "LogLine",
    "Payload",
    "Process",
    "ProcessDetail",
    "ProcessEnded",
    "ProcessError",
    "ProcessInfo",
    "ProcessManager",
    "ProcessResult",
    "Processable",
    "RetryPolicy",
    "Status",
    "StepRun",
    "Task",
    "manager_of",
]
