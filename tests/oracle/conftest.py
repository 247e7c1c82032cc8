"""Fixtures of the oracle: both servers, and the what was chosen, played on them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from tests import zeebe as zeebe_broker
from tests.oracle import recorder
from tests.oracle.played import Pair, Played
from tests.oracle.servers import running_procession
from tests.oracle.zeebe_state import Stories


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("oracle")
    group.addoption("--oracle-random", type=int, default=40, help="how many random processes (40)")
    group.addoption("--oracle-seed", type=int, help="only the random process of this seed")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "plays(chosen): what is played on both servers for this test")


@pytest.fixture(scope="package")
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    if not request.config.getoption("--zeebe"):
        pytest.skip("a real Zeebe is started by make test-zeebe only")
    reason = zeebe_broker.missing()
    if reason is not None:
        pytest.fail(reason)
    stories = Stories()
    with contextlib.ExitStack() as stack:
        port = stack.enter_context(recorder.recording(stories))
        broker = stack.enter_context(
            zeebe_broker.running_zeebe(settings=zeebe_broker.PATIENT | recorder.settings(port))
        )
        ours = stack.enter_context(running_procession())
        yield Pair(broker.address, stories, ours.address, ours.database)


@pytest.fixture(scope="package")
def played(request: pytest.FixtureRequest, pair: Pair) -> Iterator[Played]:
    marks = (item.get_closest_marker("plays") for item in request.session.items)
    played = Played(pair, [mark.args[0] for mark in marks if mark is not None])
    yield played
    played.close()
