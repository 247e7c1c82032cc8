"""How much, and which seed: `pytest tests/fuzz --fuzz-rounds=500 --fuzz-seed=N`."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fuzz.memory import Probe
from tests.fuzz.target import Target, target_of
from tests.gateway.servers import database, serving


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("fuzz", "hostile clients of the gRPC server (only when its folder is named)")
    group.addoption("--fuzz-rounds", type=int, help="how many rounds, instead of a few")
    group.addoption("--fuzz-seed", type=int, help="replay this seed instead of a random one")


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> random.Random:
    seed = request.config.getoption("--fuzz-seed", default=None)
    if seed is None:
        seed = random.SystemRandom().randrange(2**32)
    print(f"replay with --fuzz-seed={seed}")
    return random.Random(seed)


@pytest.fixture
def rounds(request: pytest.FixtureRequest) -> int:
    return request.config.getoption("--fuzz-rounds", default=None) or 8


@pytest.fixture
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """A server of the test's own, with what hostile messages can refer to."""
    folder = tmp_path_factory.mktemp("fuzz")
    with serving(database(folder), log=folder / "server.log") as served:
        yield target_of(served, folder / "server.log")


@pytest.fixture
def probed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Probe:
    """Ask for it before `target`, whose memory it tells then."""
    return Probe(tmp_path, monkeypatch)
