"""The workflow component: a service takes part in business processes, on any server.

>>> builder = WorkflowBuilder("registration", "grpc://zeebe:26500")
>>> builder.with_process("registration.bpmn")              # doctest: +SKIP
>>> builder.with_handler("registration_greet", greet)      # doctest: +SKIP
>>> async with builder.run() as workflow:                  # doctest: +SKIP
...     await workflow.wait_until_ready()
...     await workflow.start("registration", {"userId": "u-1"})
"""

from procession.workflow.builder import WorkflowBuilder
from procession.workflow.component import Workflow
from procession.workflow.config import PANICS, TaskHandlerConfig
from procession.workflow.sync import SyncWorkflow
from procession.workflow.task import WorkflowTask

__all__ = ["PANICS", "SyncWorkflow", "TaskHandlerConfig", "Workflow", "WorkflowBuilder", "WorkflowTask"]
