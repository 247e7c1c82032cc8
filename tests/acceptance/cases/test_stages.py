"""Business cases: stages, requests, replies, and how they end."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from procession.process.cases import (
    BusinessCase,
    CaseStatus,
    Context,
    Keyring,
    TaskId,
    stage,
)

from .scene import AT_ONCE, KEYS, ended, running, service


class OpenAccount(BusinessCase, api="v1"):
    """OPEN AN ACCOUNT"""

    retry = AT_ONCE
    HIDDEN = frozenset({"password"})

    @stage(first=True)
    async def create_user(self, ctx: Context) -> None:
        ctx.data["email"] = ctx.payload["email"]
        await ctx.service("users", "create", {"email": ctx.payload["email"]}, next="send_mail")

    @stage
    async def send_mail(self, ctx: Context, reply: Any) -> Any:
        ctx.data["user"] = reply["id"]
        return ctx.next(stage="close", delay=timedelta(milliseconds=50))

    @stage
    def close(self, ctx: Context) -> Any:
        return ctx.finish({"user": ctx.data["user"], "email": ctx.data["email"]})


@pytest.mark.parametrize("broker", ["database", "rabbitmq"])
async def test_a_case_goes_through_its_stages(
    broker: str, url: str, request: pytest.FixtureRequest, case_id: str
) -> None:
    where = request.getfixturevalue("rabbitmq").url if broker == "rabbitmq" else None

    # Given a service, and a case that asks it
    class Account(OpenAccount):
        pass

    Account.case_id = case_id
    async with (
        running(url, Account, broker=where) as cases,
        service(cases.broker, "users", lambda message: {"id": 7}) as got,
    ):
        # When the case is started
        started = await cases.start(Account, {"email": "ada@example.com", "password": "x"})
        detail = await ended(cases, started.key)
    # Then it has its result, and its data has that of each stage
    assert detail.info.status is CaseStatus.FINISHED
    assert detail.result == {"user": 7, "email": "ada@example.com"}
    assert [run.stage for run in detail.stages] == ["create_user", "send_mail", "close"]
    assert detail.data["create_user"] == {"id": 7}
    assert detail.payload == {"email": "ada@example.com", "password": "***"}
    # And the service was asked once, by this stage
    [message] = got
    assert message.json() == {"email": "ada@example.com"}
    assert message.headers == {"command": "create", "case": case_id, "api": "v1"}
    task = TaskId.opened(message.id, Keyring(KEYS))
    assert (task.case_key, task.case_id, task.api, task.stage) == (started.key, case_id, "v1", "create_user")
