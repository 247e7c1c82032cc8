"""Business cases: stages, requests, replies, and how they end."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from procession import Procession
from procession.process.cases import (
    BusinessCase,
    CaseManager,
    CaseStatus,
    Context,
    Keyring,
    TaskId,
    stage,
)
from tests.alerting import Collecting

from .scene import AT_ONCE, KEYS, PATIENCE, comes_to, ended, running, service


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


class Broken(BusinessCase):
    retry = AT_ONCE

    @stage
    async def only(self, ctx: Context) -> None:
        raise ValueError("it does not work")


async def test_a_case_that_is_held_is_told_to_people_once(sqlite_url: str) -> None:
    # Given channels for alerts of two managers on one app
    alerts = Collecting()
    notices: list[Any] = []
    manager = CaseManager(Procession(sqlite_url), keys=KEYS, alerts=[alerts])
    manager.register(Broken)
    manager.app.on_incident(notices.append)
    # When a case is held after its tries
    async with manager.app:
        started = await manager.start(Broken)
        held = await comes_to(manager, started.key, CaseStatus.HELD)
        assert held.info.message == "ValueError: it does not work"
    # Then each is told once, with what to do
    [alert] = await alerts.wait_for(1)
    assert "procession incident resolve" in alert.text
    assert len(notices) == 1


def test_plain_code_starts_cases_and_waits_for_them(sqlite_url: str) -> None:
    class Plain(BusinessCase):
        @stage
        def only(self, ctx: Context) -> Any:
            return {"twice": ctx.payload * 2}

    manager = CaseManager(Procession(sqlite_url), keys=KEYS)
    manager.register(Plain)
    with manager.app.sync() as running:
        cases = manager.sync(running)
        started = cases.start(Plain, 21)
        assert cases.wait(started.key, PATIENCE).result == {"twice": 42}
        assert [info.key for info in cases.search(status=CaseStatus.FINISHED)] == [started.key]
