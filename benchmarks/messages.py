"""Whether bringing messages to those who wait costs what matches, or what waits.

A hundred matches are timed in a database where nothing else waits and in one where 10,000 others wait
for the same name, in turn: messages that were published before anybody waits, and instances that
wait before anything is published.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterable
from datetime import timedelta
from pathlib import Path

from benchmarks.copies import copy_instance
from benchmarks.databases import database_url
from benchmarks.measure import START_VARIABLES, Figures, Scale, median, rate_async
from benchmarks.procession_load import RESULT_TIMEOUT, WAITING, make_app
from procession import Instance, Procession

WAIT = 10_000
MATCHES = 100
BLOCKS = 15
MESSAGE = "never"
ALIVE = timedelta(hours=1)

Block = Callable[[Procession, list[str]], Awaitable[float]]


def measure(scale: Scale, folder: Path) -> Figures:
    """Matches per second with and without others, and the ratio of the two (median over the blocks)."""
    return asyncio.run(_measure(scale, folder))


async def _measure(scale: Scale, folder: Path) -> Figures:
    waiting = scale.count(WAIT)
    async with make_app(folder, "messages-few") as few, make_app(folder, "messages-many") as many:
        await asyncio.gather(*(_publish(many, f"other-{number}") for number in range(waiting)))
        messages = await _compare("messages", few, many, _start_for_messages)
    async with make_app(folder, "instances-few") as few, make_app(folder, "instances-many") as many:
        instance = await many.start(WAITING, START_VARIABLES)
        await asyncio.to_thread(copy_instance, database_url(folder, "instances-many"), instance.key, waiting)
        return {**messages, **await _compare("instances", few, many, _publish_to_instances)}


async def _compare(name: str, few: Procession, many: Procession, block: Block) -> dict[str, float]:
    numbers = itertools.count()
    pairs = []
    for _ in range(BLOCKS):
        keys = [f"match-{next(numbers)}" for _ in range(MATCHES)]
        pairs.append((await block(few, keys), await block(many, keys)))
    alone, beside = ([pair[side] for pair in pairs] for side in (0, 1))
    return {
        f"{name}_few_wait_per_s": median(alone),
        f"{name}_many_wait_per_s": median(beside),
        f"{name}_cost_ratio": median([without / with_ for without, with_ in pairs]),
    }


async def _start_for_messages(app: Procession, keys: list[str]) -> float:
    await asyncio.gather(*(_publish(app, key) for key in keys))

    async def take() -> None:
        await _results(await _starts(app, keys))

    return await rate_async(len(keys), take())


async def _publish_to_instances(app: Procession, keys: list[str]) -> float:
    instances = await _starts(app, keys)

    async def deliver() -> None:
        await asyncio.gather(*(_publish(app, key) for key in keys))
        await _results(instances)

    return await rate_async(len(keys), deliver())


async def _publish(app: Procession, key: str) -> None:
    await app.publish(MESSAGE, correlation_key=key, ttl=ALIVE)


async def _starts(app: Procession, keys: list[str]) -> list[Instance]:
    return await asyncio.gather(*(app.start(WAITING, {**START_VARIABLES, "order_id": key}) for key in keys))


async def _results(instances: Iterable[Instance]) -> None:
    await asyncio.gather(*(instance.result(timeout=RESULT_TIMEOUT) for instance in instances))
