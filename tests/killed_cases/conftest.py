"""How many kills: `pytest tests/killed_cases --killed-cases=full --killed-cases-seed=N`."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("killed cases", "workers of cases are killed (when tests/killed_cases is named)")
    group.addoption("--killed-cases", choices=("small", "full"), default="small", help="seconds, or minutes")
    group.addoption("--killed-cases-seed", type=int, help="the same kills once more, as far as timing allows")
