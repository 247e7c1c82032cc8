"""How much chaos: `pytest tests/chaos --chaos=full --chaos-seed=N`."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("chaos", "processes killed at random (only when tests/chaos is named)")
    group.addoption("--chaos", choices=("small", "full"), default="small", help="10 kills, or 100")
    group.addoption("--chaos-seed", type=int, help="replay this seed instead of a random one")
    group.addoption("--chaos-kills", type=int, help="another number of kills")
    group.addoption("--chaos-instances", type=int, help="another number of instances")
