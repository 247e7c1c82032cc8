"""Several apis of a case side by side, and stages that change under cases that run."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from procession import Procession
from procession.errors import InvalidInput, WrongState
from procession.messaging import connect
from procession.process.cases import (
    BusinessCase,
    CaseManager,
    CaseStatus,
    Context,
    Refusal,
    cases_of,
    reply_queue,
    service_queue,
    stage,
)

from .scene import AT_ONCE, KEYS, comes_to, ended, running, send, service, until


def of_api(name: str, ran: list[str]) -> type[BusinessCase]:
    """One generation of a case: notes in `ran` what this one's stages do."""

    class Order(BusinessCase, api=name):
        retry = AT_ONCE

        @stage(first=True)
        async def ask(self, ctx: Context) -> None:
            ran.append(f"ask {ctx.api}")
            await ctx.service("shop", "order")

        @stage
        async def close(self, ctx: Context, reply: Any) -> Any:
            ran.append(f"close {ctx.api}")
            return ctx.finish(f"{name}: {reply}")

    return Order


@pytest.mark.parametrize("broker", ["database", "rabbitmq"])
async def test_two_apps_get_only_their_own_stages_and_replies(
    url: str, broker: str, case_id: str, request: pytest.FixtureRequest
) -> None:
    where = request.getfixturevalue("rabbitmq").url if broker == "rabbitmq" else None
    # Given two apps on one database: one serves v1, the other v2
    in_one: list[str] = []
    in_two: list[str] = []
    one, two = of_api("v1", in_one), of_api("v2", in_two)
    one.case_id = two.case_id = case_id
    async with (
        running(url, one, broker=where) as first,
        running(url, two, broker=where) as second,
        service(first.broker, "shop", lambda message: message.headers["api"]) as asked,
    ):
        # When each starts cases of its own
        keys = [(await app.start(case_id)).key for app in (first, second) for _ in range(20)]
        details = await asyncio.gather(
            *(ended(app, key) for app, key in zip([first] * 20 + [second] * 20, keys, strict=True))
        )
    # Then all end, with their own stages and replies
    assert [one.result for one in details] == ["v1: v1"] * 20 + ["v2: v2"] * 20
    assert sorted(in_one) == ["ask v1"] * 20 + ["close v1"] * 20
    assert sorted(in_two) == ["ask v2"] * 20 + ["close v2"] * 20
    assert {message.reply_to for message in asked} == {
        reply_queue(f"{case_id}.{api}") for api in ("v1", "v2")
    }
    assert not first.refused
    assert not second.refused


async def test_a_reply_in_the_queue_of_the_other_api_is_foreign(sqlite_url: str) -> None:
    one, two = of_api("v1", []), of_api("v2", [])
    async with running(sqlite_url, one, two) as cases, connect(cases.broker) as transport:
        await transport.declare(service_queue("shop"))
        started = await cases.start("order", api="v1")
        async with transport.receive(service_queue("shop"), prefetch=1) as receiver:
            request = (await anext(receiver)).message
            await send(transport, reply_queue("order.v2"), request.answer("no"))
            await until(lambda: cases.refused == {Refusal.FOREIGN: 1})
            await send(transport, reply_queue("order.v1"), request.answer("yes"))
            assert (await ended(cases, started.key)).result == "v1: yes"


def with_stages(*names: str) -> type[BusinessCase]:
    """A case that asks in its first stage."""

    def ask(self: BusinessCase, ctx: Context) -> None:
        ctx.service("shop", "order", next=names[-1])

    def close(self: BusinessCase, ctx: Context) -> Any:
        return ctx.finish(names)

    functions = {name: stage(close) for name in names[1:]}
    return type("Order", (BusinessCase,), {names[0]: stage(first=True)(ask), **functions})


async def test_other_stages_under_running_cases_are_refused(url: str) -> None:
    before, after = with_stages("one", "two"), with_stages("one", "three")
    # Given a case that runs
    async with running(url, before) as cases:
        started = await cases.start(before)
        await comes_to(cases, started.key, CaseStatus.WAITING)
    # When an app comes with other stages of the same api
    with pytest.raises(WrongState, match=r"than 1 running cases of api 'v1' \(new: three; missing: two\)"):
        async with running(url, after):
            pass
    # Then the one with the stages of before still can, and a new api can
    after.api = "v2"
    async with running(url, before, after) as cases:
        await cases.app.cancel(started.key)
    # And when no case runs, the stages may change
    after.api = "v1"
    async with running(url, after) as cases, service(cases.broker, "shop", lambda message: None):
        detail = await ended(cases, (await cases.start(after)).key)
    assert detail.result == ["one", "three"]


async def test_what_is_no_change_of_stages_is_deployed_under_running_cases(sqlite_url: str) -> None:
    before, after = with_stages("one", "two"), with_stages("one", "two")
    after.label = "ANOTHER NAME"
    async with running(sqlite_url, before) as cases:
        started = await cases.start(before)
        await comes_to(cases, started.key, CaseStatus.WAITING)
    async with running(sqlite_url, after) as cases, service(cases.broker, "shop", lambda message: None):
        detail = await ended(cases, started.key)
        assert len(await cases.app.definitions()) == 2
    # And the same once more is no new version
    async with running(sqlite_url, after) as cases:
        assert len(await cases.app.definitions()) == 2
    assert detail.info.status is CaseStatus.FINISHED


def test_registering_is_all_or_none() -> None:
    manager = CaseManager(Procession("sqlite:///never-opened.db"), keys=KEYS)
    one, two = of_api("v1", []), of_api("v2", [])
    with pytest.raises(InvalidInput, match="api 'v1' of 'order' is Order already"):
        manager.register(two, one, of_api("v1", []))
    assert manager.blueprints == []
    assert manager.app.tasks == ()
    manager.register(one, two)
    assert [blueprint.process_id for blueprint in manager.blueprints] == ["order.v1", "order.v2"]
    assert manager.app.tasks == (
        "order.v1.ask",
        "order.v1.close",
        "order.v1.send-request",
        "order.v2.ask",
        "order.v2.close",
        "order.v2.send-request",
    )


def test_a_case_is_named_by_its_class_its_name_or_its_id() -> None:
    manager = CaseManager(Procession("sqlite:///never-opened.db"), keys=KEYS)
    one, two = of_api("v1", []), of_api("v2", [])
    manager.register(one, two)
    assert manager.blueprint_of(one).api == "v1"
    assert manager.blueprint_of("Order", "v2").api == "v2"
    assert manager.blueprint_of("order", "v1").kind is one
    with pytest.raises(InvalidInput, match="has the apis v1, v2: name one"):
        manager.blueprint_of("order")
    with pytest.raises(InvalidInput, match="'order' v3 is not registered; there are: order v1, order v2"):
        manager.blueprint_of("order", "v3")
    assert cases_of(manager.app) is manager
    with pytest.raises(InvalidInput, match="has no CaseManager"):
        cases_of(Procession("sqlite:///never-opened.db"))
