"""How many kills: `pytest tests/exactly_once --exactly-once=full --exactly-once-seed=N`."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("exactly once", "services are killed (only when tests/exactly_once is named)")
    group.addoption("--exactly-once", choices=("small", "full"), default="small", help="seconds, or minutes")
    group.addoption("--exactly-once-seed", type=int, help="the same kills once more, as far as timing allows")
    group.addoption("--exactly-once-kills", type=int, help="another number of kills of each kind of service")
