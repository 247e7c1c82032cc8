"""Doing something to many processes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable

import msgspec

from procession.errors import ProcessionError
from procession.process.looking import PAGE, Looker, unknown
from procession.storage.searches.steps import InstanceFacts


class Bulk(msgspec.Struct, frozen=True, kw_only=True):
    """What became of many."""

    done: list[int]
    refused: dict[int, str]


async def each(
    looker: Looker, keys: Iterable[int], action: Callable[[InstanceFacts], Awaitable[None]]
) -> Bulk:
    """Look PAGE processes up at once, and do something to all of them side by side, so that their commands
    share transactions; what is refused stops no other."""
    waiting = list(dict.fromkeys(keys))
    refused: dict[int, str] = {}

    async def one(key: int, facts: InstanceFacts | None) -> None:
        try:
            if facts is None:
                raise unknown(key)
            await action(facts)
        except ProcessionError as error:
            refused[key] = error.message

    for begin in range(0, len(waiting), PAGE):
        some = waiting[begin : begin + PAGE]
        found = await asyncio.to_thread(looker.facts_of, some)
        await asyncio.gather(*(one(key, found.get(key)) for key in some))
    return Bulk(done=[key for key in waiting if key not in refused], refused=refused)
