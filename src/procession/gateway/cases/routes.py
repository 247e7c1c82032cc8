"""The routes: starting a case, and reading its status, result, stages and events.

POST /{case}/{api}                        start a case with the JSON body as its payload
GET  /{case}/{api}/cases                  a list, newest first
GET  /{case}/{api}/cases/{id}             status and result; ?wait=30 waits for the end
GET  /{case}/{api}/cases/{id}/stages      the stages it went through
GET  /{case}/{api}/cases/{id}/events      server-sent events, one whenever it has gone on
GET  /cases/{id} ...                      the same for a case of any class
GET  /health
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Annotated, Any

import msgspec
from litestar import Controller, Litestar, Response, get, post
from litestar.di import NamedDependency, Provide
from litestar.openapi import OpenAPIConfig
from litestar.params import Body, FromPath, FromQuery, HeaderParameter, PathParameter, QueryParameter
from litestar.response import ServerSentEvent
from litestar.response.sse import ServerSentEventMessage

from procession.errors import InvalidInput, NotFound, NotReady
from procession.gateway.cases.answers import (
    CaseState,
    CaseSummary,
    Health,
    Stages,
    Started,
    state_of,
    summary_of,
)
from procession.gateway.cases.problems import HANDLERS
from procession.process.cases import CaseDetail, CaseManager, CaseStatus
from procession.process.cases.info import ENDED

LONGEST_WAIT = 300.0
HEARTBEAT_SECONDS = 15.0
LARGEST_PAYLOAD = 4 * 1024 * 1024

Key = Annotated[str, PathParameter(description="Id of a case.")]
Wait = Annotated[
    float,
    QueryParameter(
        ge=0,
        le=LONGEST_WAIT,
        description="Seconds to wait for the end of the case; the answer then is what is known.",
    ),
]
IdempotencyKey = Annotated[
    str | None,
    HeaderParameter(
        name="Idempotency-Key", description="Starting again with the same key answers the same case."
    ),
]
BusinessKey = Annotated[
    str | None, QueryParameter(name="businessKey", description="A name of the client's for the case.")
]
Limit = Annotated[int, QueryParameter(ge=1, le=1000)]


class _Reading:
    """What both ways to a case have in common."""

    def __init__(self, manager: CaseManager) -> None:
        self.manager = manager

    async def show(self, id: str, within: str | None, wait: float = 0) -> CaseDetail:
        """A case, which must be of the process `within` if that is given.

        Raises:
            NotFound: there is none such.
        """
        key = _key_of(id)
        detail = await self.manager.show(key)
        if within is not None and f"{detail.info.case_id}.{detail.info.api}" != within:
            raise NotFound(f"there is no case {id} of {within}", key=key)
        if wait and detail.info.status not in ENDED:
            try:
                detail = await self.manager.wait(key, timedelta(seconds=wait))
            except NotReady:  # the server stops: what is known now
                detail = await self.manager.show(key)
        return detail

    async def events(self, id: str, within: str | None) -> ServerSentEvent:
        key = (await self.show(id, within)).info.key
        return ServerSentEvent(_events(self.manager, key))


Reading = NamedDependency[_Reading]


class CasesOfApi(Controller):
    """Cases of one class."""

    path = "/{case:str}/{api:str}"
    tags = ("cases",)

    @post("/", status_code=202, summary="Start a case")
    async def start(
        self,
        reading: Reading,
        case: FromPath[str],
        api: FromPath[str],
        data: Annotated[Any, Body(description="The payload of the case.")],
        idempotency_key: IdempotencyKey = None,
        business_key: BusinessKey = None,
    ) -> Response[Started]:
        manager = reading.manager
        blueprint = _served(manager, case, api)
        instance = await manager.start(
            blueprint.case_id,
            data,
            api=api,
            idempotency_key=idempotency_key,
            business_key=business_key,
        )
        href = f"/{case}/{api}/cases/{instance.key}"
        started = Started(id=str(instance.key), case=case, api=api, created=instance.created, href=href)
        return Response(started, headers={"Location": href})

    @get("/cases", summary="List cases, newest first")
    async def list_(
        self,
        reading: Reading,
        case: FromPath[str],
        api: FromPath[str],
        status: FromQuery[CaseStatus | None] = None,
        business_key: BusinessKey = None,
        limit: Limit = 100,
    ) -> list[CaseSummary]:
        _served(reading.manager, case, api)
        found = await reading.manager.search(
            case=case, api=api, status=status, business_key=business_key, limit=limit
        )
        return [summary_of(info) for info in found]

    @get("/cases/{id:str}", summary="Status and result of a case")
    async def show(
        self, reading: Reading, case: FromPath[str], api: FromPath[str], id: Key, wait: Wait = 0
    ) -> CaseState:
        return state_of(await reading.show(id, f"{case}.{api}", wait))

    @get("/cases/{id:str}/stages", summary="The stages a case went through")
    async def stages(self, reading: Reading, case: FromPath[str], api: FromPath[str], id: Key) -> Stages:
        return Stages(id=id, stages=(await reading.show(id, f"{case}.{api}")).stages)

    @get("/cases/{id:str}/events", summary="Server-sent events: `case` whenever it has gone on, then `end`")
    async def events(
        self, reading: Reading, case: FromPath[str], api: FromPath[str], id: Key
    ) -> ServerSentEvent:
        return await reading.events(id, f"{case}.{api}")


class AllCases(Controller):
    """Cases of any class."""

    path = "/cases/{id:str}"
    tags = ("cases",)

    @get("/", summary="Status and result of a case of any class")
    async def show(self, reading: Reading, id: Key, wait: Wait = 0) -> CaseState:
        return state_of(await reading.show(id, None, wait))

    @get("/stages", summary="The stages a case of any class went through")
    async def stages(self, reading: Reading, id: Key) -> Stages:
        return Stages(id=id, stages=(await reading.show(id, None)).stages)

    @get("/events", summary="Server-sent events of a case of any class")
    async def events(self, reading: Reading, id: Key) -> ServerSentEvent:
        return await reading.events(id, None)


@get("/health", summary="Whether this server can work", tags=["server"])
async def health(reading: Reading) -> Response[Health]:
    manager = reading.manager
    found = manager.app.readiness()
    answer = Health(
        ready=found.ready,
        reason=found.reason,
        cases=[f"{one.case_id}/{one.api}" for one in manager.blueprints],
        refused_replies={str(why): count for why, count in sorted(manager.refused.items())},
    )
    return Response(answer, status_code=200 if found.ready else 503)


def application(manager: CaseManager) -> Litestar:
    """The ASGI application; the manager's app must run while it serves."""
    from procession import __version__

    def reading() -> _Reading:
        return _Reading(manager)

    return Litestar(
        [CasesOfApi, AllCases, health],
        dependencies={"reading": Provide(reading, sync_to_thread=False)},
        logging_config=None,
        exception_handlers={**HANDLERS},
        request_max_body_size=LARGEST_PAYLOAD,
        openapi_config=OpenAPIConfig(
            title="Business cases",
            version=__version__,
            description="\n".join(f"{one.case_id} {one.api}: {one.label}" for one in manager.blueprints),
        ),
    )


def _served(manager: CaseManager, case: str, api: str) -> Any:
    apis = [one.api for one in manager.blueprints if one.case_id == case]
    if api not in apis:
        known = f"it has {', '.join(apis)}" if apis else "this server knows no such case"
        raise NotFound(f"there is no api {api} of {case}: {known}")
    return manager.blueprint_of(case, api)


def _key_of(id: str) -> int:
    if not (id.isascii() and id.isdecimal() and len(id) < 20):
        raise InvalidInput(f"{id!r} is no id of a case")
    return int(id)


async def _events(manager: CaseManager, key: int) -> AsyncIterator[ServerSentEventMessage]:
    """The states of a case, with a comment now and then so that nobody takes the line for dead."""
    following = manager.follow(key)
    coming = asyncio.ensure_future(anext(following, None))
    try:
        while True:
            done, _ = await asyncio.wait({coming}, timeout=HEARTBEAT_SECONDS)
            if not done:
                yield ServerSentEventMessage(comment="still there")
                continue
            detail = coming.result()
            if detail is None:
                yield ServerSentEventMessage(event="end", data="{}")
                return
            yield _event(detail)
            coming = asyncio.ensure_future(anext(following, None))
    except (NotReady, NotFound):
        return  # the server stops, or retention took the case: clients ask again and are told
    finally:
        coming.cancel()
        await asyncio.gather(coming, return_exceptions=True)


def _event(detail: CaseDetail) -> ServerSentEventMessage:
    return ServerSentEventMessage(event="case", data=msgspec.json.encode(state_of(detail)).decode())
