"""Passing a request on to a server, and to another one where that cannot do it twice."""

from __future__ import annotations

import logging

import httpx

from procession.gateway.api import answers
from procession.gateway.api.answers import Answer
from procession.gateway.api.body import ClientSlow
from procession.gateway.api.counters import Counters
from procession.gateway.api.exchange import Exchange
from procession.gateway.api.routes import Routes
from procession.gateway.api.upstream import Upstream
from procession.gateway.api.watching import Watch
from procession.operations.registry import Served

log = logging.getLogger("procession.gateway")

TRIES = 3
"""Of a request that may have been carried out: one that kills servers must not kill all of them."""
_NOTHING_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class Forwarder:
    """Sends requests to servers."""

    def __init__(self, routes: Routes, watch: Watch, counters: Counters, *, trusted: bool) -> None:
        self._routes = routes
        self._watch = watch
        self._counters = counters
        self._trusted = trusted

    async def forward(self, exchange: Exchange, served: Served) -> None:
        """Have a request answered by a server.

        Where nobody could be connected to, another one is tried. Where the connection was lost before an
        answer came, that is done for requests that may be repeated only.

        Raises:
            ClientGone: nobody waits for the answer.
        """
        refused: set[Upstream] = set()
        tries = 0
        answer = answers.no_server(served)
        while (upstream := await self._choose(served, refused)) is not None:
            self._counters.retries += bool(refused or tries)
            fault = await self._try(exchange, upstream, served)
            if fault is None:
                return
            if isinstance(fault, Answer):
                answer = fault
                break
            self._counters.failures += 1
            upstream.failed()
            self._watch.begin()
            if isinstance(fault, _NOTHING_SENT):
                refused.add(upstream)
                continue
            tries += 1
            answer = answers.lost(served)
            if tries == TRIES or not exchange.may_repeat:
                break
        await exchange.answer(answer)

    async def _choose(self, served: Served, refused: set[Upstream]) -> Upstream | None:
        """A server that was not tried in vain; where there is none, the registry may know of another."""
        found = self._routes.choose(served, refused)
        if found is None:
            await self._watch.ask()
            found = self._routes.choose(served, refused)
        return found

    async def _try(
        self, exchange: Exchange, upstream: Upstream, served: Served
    ) -> httpx.TransportError | Answer | None:
        """Send it to one server. Answers why that failed, if others can be tried, or what to tell the client;
        None: it is answered."""
        upstream.in_flight += 1
        try:
            headers = exchange.headers_to_server(trusted=self._trusted)
            response = await upstream.send(exchange.method, exchange.target, headers, exchange.body)
            await self._pass_back(exchange, response, served)
        except (httpx.ReadTimeout, httpx.WriteTimeout):
            return answers.late(served)
        except httpx.LocalProtocolError as fault:
            return answers.malformed(str(fault))
        except httpx.TransportError as fault:
            return fault
        except ClientSlow:
            return answers.SLOW_CLIENT
        finally:
            upstream.in_flight -= 1
        return None

    async def _pass_back(self, exchange: Exchange, response: httpx.Response, served: Served) -> None:
        """An answer that ends in the middle must end so for the client, too: it is left unfinished, and the
        server around us closes the connection."""
        try:
            await exchange.pass_back(response)
        except httpx.TransportError as fault:
            self._counters.broken += 1
            log.warning("an answer of %s ended in the middle: %r", served, fault)
        finally:
            await response.aclose()
