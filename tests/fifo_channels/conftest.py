"""How much: `pytest tests/fifo_channels --fifo=full --fifo-seed=N`."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("fifo", "nodes of a strict channel fail (only when tests/fifo_channels is named)")
    group.addoption(
        "--fifo", choices=("small", "medium", "full"), default="small", help="seconds, or minutes"
    )
    group.addoption("--fifo-seed", type=int, help="the same processes and dangers once more")
    group.addoption("--fifo-processes", type=int, help="another number of processes")
    group.addoption("--fifo-dangers", type=int, help="another number of dangers")
