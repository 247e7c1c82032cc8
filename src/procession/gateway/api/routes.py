"""Which server gets a request: what the registry said last, and how the servers do."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from datetime import timedelta

import msgspec

from procession.gateway.api.upstream import Upstream
from procession.operations.registry import Registration, Served, Standing


class Routes:
    """The table of routes. `update` replaces it; requests under way keep the server they have."""

    def __init__(self, patience: timedelta) -> None:
        self._patience = patience
        self._upstreams: dict[str, Upstream] = {}
        self._live: dict[Served, list[Upstream]] = {}
        self._known: dict[str, set[str]] = {}
        self._choices = 0

    async def update(self, registrations: Sequence[Registration], *, forgiving: bool = False) -> None:
        """Go by what the registry says now.

        Args:
            forgiving: those that had requests and are lost by now keep getting some: perhaps they could not
                renew their leases.
        """
        had = {one.url for upstreams in self._live.values() for one in upstreams} if forgiving else set()
        kept = [one for one in registrations if one.standing is Standing.LOST and one.url in had]
        alive = [one for one in registrations if one.standing.is_alive] + kept
        urls = {one.url for one in alive if one.url is not None}
        for new in urls - set(self._upstreams):
            self._upstreams[new] = Upstream(new, self._patience)
        self._known = _versions(one for registration in registrations for one in registration.serves)
        self._live = self._routes(one for one in alive if one.standing is not Standing.DRAINING)
        await self._close(urls)

    def _routes(self, live: Iterable[Registration]) -> dict[Served, list[Upstream]]:
        routes: dict[Served, dict[str, Upstream]] = {}
        for one in live:
            for served in one.serves:
                if one.url is not None:  # several processes may share one
                    routes.setdefault(served, {})[one.url] = self._upstreams[one.url]
        return {served: list(found.values()) for served, found in routes.items()}

    async def _close(self, alive: Container[str]) -> None:
        """Let go of servers that are gone, once nothing is under way there."""
        gone = [one for url, one in self._upstreams.items() if url not in alive and not one.in_flight]
        for upstream in gone:
            del self._upstreams[upstream.url]
            await upstream.close()

    async def close(self) -> None:
        for upstream in self._upstreams.values():
            await upstream.close()

    def choose(self, served: Served, without: Container[Upstream] = ()) -> Upstream | None:
        """The server with the least under way, in turn where that is equal; those that failed a moment ago
        come last. None that drains. None if there is no (other) one."""
        candidates = [one for one in self._live.get(served, ()) if one not in without]
        if not candidates:
            return None
        chosen = min(candidates, key=lambda one: (not one.is_up, one.in_flight, one.chosen))
        self._choices += 1
        chosen.chosen = self._choices
        return chosen

    def knows(self, served: Served) -> bool:
        """Whether somebody serves this, or did a while ago."""
        return served.api in self._known.get(served.case, ())

    @property
    def cases(self) -> list[str]:
        """The business cases that are known."""
        return sorted(self._known)

    def versions(self, case: str) -> list[str]:
        """The versions of a business case that are known; none: it is unknown."""
        return sorted(self._known.get(case, ()), key=_natural)

    @property
    def has_servers(self) -> bool:
        """Whether anybody takes requests."""
        return bool(self._live)

    def states(self) -> list[UpstreamState]:
        """How each server does."""
        serves: dict[Upstream, list[str]] = {one: [] for one in self._upstreams.values()}
        for served, upstreams in self._live.items():
            for one in upstreams:
                serves[one].append(str(served))
        return [
            UpstreamState(serves=sorted(found), up=one.is_up, in_flight=one.in_flight)
            for one, found in serves.items()
        ]


class UpstreamState(msgspec.Struct, frozen=True, kw_only=True):
    """A server as health checks see it: without its address, which is nobody's business outside."""

    serves: list[str]
    """What it gets requests for; nothing if it drains."""
    up: bool
    in_flight: int


def _versions(all: Iterable[Served]) -> dict[str, set[str]]:
    known: dict[str, set[str]] = {}
    for one in all:
        known.setdefault(one.case, set()).add(one.api)
    return known


def _natural(api: str) -> tuple[int, str]:
    """v2 before v10."""
    return len(api), api
