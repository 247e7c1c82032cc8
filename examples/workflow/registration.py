"""A registration that waits for its confirmation: the workflow component on any server.

python registration.py [ADDRESS], such as grpc://localhost:26500; without one, a database file.
"""

import asyncio
import sys
from datetime import timedelta
from pathlib import Path

from procession import Incident
from procession.workflow import TaskHandlerConfig, WorkflowBuilder, WorkflowTask


class SendMail:
    def __init__(self, sender: str) -> None:
        self.sender = sender

    async def handle(self, task: WorkflowTask) -> None:
        user_id = task.get_scope_variable("userId")
        if user_id is None:
            raise Incident("userId is missing in the process's scope")
        print(f"{self.sender} asks {user_id} to confirm")


async def main(address: str) -> None:
    welcomed = asyncio.Event()

    async def welcome(task: WorkflowTask, plan: str) -> dict[str, bool]:
        print(f"welcome {task.get_scope_variable('userId')}, your plan is {plan}")
        welcomed.set()
        return {"welcomed": True}

    builder = (
        WorkflowBuilder("registration-service", address)
        .with_process(Path(__file__).with_name("registration.bpmn"))
        .with_handler(
            "registration_sendMail",
            SendMail("mail@example.org").handle,
            TaskHandlerConfig(incident_max_retries=100),
        )
        .with_handler("registration_welcome", welcome)
        .with_alerts("log:")
    )
    async with builder.run() as workflow:  # returns at once, whether the server is there or not
        await workflow.wait_until_ready(timedelta(minutes=1))
        await workflow.start("registration", {"userId": "u-1"})
        await workflow.publish("registration_confirmed", correlation_key="u-1", variables={"plan": "yearly"})
        await asyncio.wait_for(welcomed.wait(), 60)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:] or ["sqlite:///registration.db"]))
