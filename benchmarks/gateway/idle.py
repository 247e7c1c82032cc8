"""What open long polls and streams cost our server while nothing happens."""

from __future__ import annotations

from pathlib import Path

import uvloop

from benchmarks.gateway.servers import on_sqlite
from benchmarks.idle_cost import idle_cost
from benchmarks.measure import Figures, Scale

SECONDS, LEAST_SECONDS = 30.0, 5.0


def measure(scale: Scale, folder: Path) -> Figures:
    """The share of a core that it uses."""
    seconds = max(LEAST_SECONDS, SECONDS * scale.factor)
    with on_sqlite(folder) as served:
        share = uvloop.run(idle_cost(served.address, served.cpu_seconds, seconds=seconds))
    return {"core_share_ratio": share}
