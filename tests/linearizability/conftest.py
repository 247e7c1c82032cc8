"""How long, and which seed: `pytest tests/linearizability --linear-seconds=600 --linear-seed=N`."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("linearizability", "histories under faults (only when its folder is named)")
    group.addoption("--linear-seconds", type=float, help="how long clients work, instead of a few seconds")
    group.addoption("--linear-seed", type=int, help="replay this seed instead of a random one")
