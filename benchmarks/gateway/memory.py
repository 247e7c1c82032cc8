"""What our server holds in memory after many instances."""

from __future__ import annotations

from pathlib import Path

import uvloop

from benchmarks.gateway.load import Load
from benchmarks.gateway.servers import Served, on_sqlite
from benchmarks.measure import Figures, Scale, flood

INSTANCES = 100_000
IN_FLIGHT = 400


def measure(scale: Scale, folder: Path) -> Figures:
    """The server's resident memory when it has started, and after many instances."""
    with on_sqlite(folder) as served:
        return uvloop.run(_measure(scale.count(INSTANCES), served))


async def _measure(count: int, served: Served) -> Figures:
    load = Load(served.address)
    at_start = served.resident_mb()
    try:
        await load.deploy()
        async with load.streaming():
            await flood(count, IN_FLIGHT, load.starter("bench-1"))
    finally:
        await load.close()
    return {"instances": count, "at_start_mb": at_start, "resident_mb": served.resident_mb()}
