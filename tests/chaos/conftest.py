"""How much chaos: `pytest tests/chaos --chaos=full --chaos-seed=N`."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("chaos", "everything fails at random (only when tests/chaos is named)")
    group.addoption(
        "--chaos",
        choices=("small", "full", "large"),
        default="small",
        help="seconds, minutes, or 10,000 instances on PostgreSQL",
    )
    group.addoption("--chaos-hours", type=float, help="how long dangers strike on PostgreSQL")
    group.addoption("--chaos-seed", type=int, help="replay this seed instead of a random one")
    group.addoption("--chaos-dangers", type=int, help="another number of dangers")
    group.addoption("--chaos-instances", type=int, help="another number of instances")
