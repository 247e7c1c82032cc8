"""The gateway as an ASGI application: what a path means."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, MutableMapping
from typing import Any

from procession.gateway.api import answers
from procession.gateway.api.answers import Answer
from procession.gateway.api.body import ClientGone, Receive
from procession.gateway.api.counters import CLIENT_GONE, Counters
from procession.gateway.api.exchange import Exchange, Send
from procession.gateway.api.forwarding import Forwarder
from procession.gateway.api.routes import Routes
from procession.gateway.api.watching import Watch
from procession.operations.registry import Served


class GatewayApp:
    """Answers health checks, and has all else answered by servers."""

    def __init__(
        self, routes: Routes, watch: Watch, counters: Counters, forwarder: Forwarder, *, limit: int
    ) -> None:
        self._routes = routes
        self._watch = watch
        self._counters = counters
        self._forwarder = forwarder
        self._limit = limit
        self._own: dict[bytes, Callable[[], Answer]] = {
            b"/health": self._live,
            b"/health/live": self._live,
            b"/health/ready": self._ready,
            b"/metrics": lambda: answers.text(counters.text(routes)),
        }

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"  # the server around us takes nothing else
        exchange = Exchange(scope, receive, send)
        own = self._own.get(exchange.path)
        if own is not None:
            await exchange.answer(own())
            return
        self._counters.in_flight += 1
        served: Served | None = None
        try:
            served = await self._served(exchange)
            if served is not None:
                await _unless_gone(exchange, self._forwarder.forward(exchange, served))
        finally:
            self._counters.in_flight -= 1
            self._counters.answered(served, exchange.status or CLIENT_GONE)

    async def _served(self, exchange: Exchange) -> Served | None:
        """What is asked for; None: it was answered that this is not to be had."""
        refusal: Answer | None = None
        case, api, *_ = (*(part.decode("latin-1") for part in exchange.segments), "", "")
        served = Served(case=case, api=api)
        if self._counters.in_flight > self._limit:
            refusal = answers.overloaded(self._limit)
        elif exchange.has_dot_segments:
            refusal = answers.DOT_SEGMENTS
        elif not self._routes.knows(served):
            refusal = await self._looked_for(served)
        if refusal is None:
            return served
        await exchange.answer(refusal)
        return None

    async def _looked_for(self, served: Served) -> Answer | None:
        """Ask the registry for what is unknown. What to answer if it does not know it either."""
        await self._watch.ask()
        if self._routes.knows(served):
            return None
        versions = self._routes.versions(served.case)
        if versions:
            return answers.unknown_api(served.case, served.api, versions)
        return answers.unknown_case(served.case, self._routes.cases)

    def _live(self) -> Answer:
        return answers.json(200, {"live": True})

    def _ready(self) -> Answer:
        """A registry that is away makes nobody unready: what it said last goes on, in all gateways alike."""
        ready = self._routes.has_servers
        registry = "ok" if self._watch.fault is None else "away"  # why is for the log, not for clients
        found = {"ready": ready, "registry": registry, "servers": self._routes.states()}
        return answers.json(200 if ready else 503, found)


async def _unless_gone(exchange: Exchange, work: Coroutine[Any, Any, None]) -> None:
    """Do it until it is done, or the client has closed the connection: then the server is told so too."""
    working = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(exchange.body.gone())
    try:
        await asyncio.wait((working, gone), return_when=asyncio.FIRST_COMPLETED)
    finally:
        gone.cancel()
        if not working.done():
            working.cancel()
        results = await asyncio.gather(working, gone, return_exceptions=True)
    fault = results[0]
    if isinstance(fault, BaseException) and not isinstance(fault, ClientGone | asyncio.CancelledError):
        raise fault
