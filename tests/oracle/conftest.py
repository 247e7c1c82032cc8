"""Fixtures of the oracle: both servers, and the transcripts of all scenarios that were chosen."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Sequence

import pytest
from msgspec import Struct

from tests import zeebe as zeebe_broker
from tests.oracle import recorder
from tests.oracle.comparing import Transcript, complaint, play_all
from tests.oracle.our_state import Database
from tests.oracle.scenario import Difference, Play
from tests.oracle.servers import running_procession
from tests.oracle.sides import OurSide, ZeebeSide
from tests.oracle.zeebe_state import Stories


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("oracle")
    group.addoption("--oracle-random", type=int, default=60, help="how many random processes (60)")
    group.addoption("--oracle-seed", type=int, help="only the random process of this seed")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "plays(name, play): what is played on both servers for this test")


class Pair(Struct, frozen=True):
    """A real Zeebe and our own server."""

    zeebe: str
    stories: Stories
    ours: str
    database: Database

    def play(self, plays: Sequence[Play], *, patience: float = 1.0) -> list[tuple[Transcript, Transcript]]:
        """Play everything on Zeebe, then on ours."""

        async def both() -> list[tuple[Transcript, Transcript]]:
            zeebe = ZeebeSide(self.zeebe, self.stories, patience=patience)
            theirs = await play_all(plays, zeebe)
            await zeebe.close()
            side = OurSide(self.ours, self.database, patience=patience)
            ours = await play_all(plays, side)
            await side.close()
            return list(zip(theirs, ours, strict=True))

        return asyncio.run(both())


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
        broker = stack.enter_context(zeebe_broker.running_zeebe(settings=recorder.settings(port)))
        ours = stack.enter_context(running_procession())
        yield Pair(broker.address, stories, ours.address, ours.database)


class Played:
    """The transcripts of all chosen plays. They are played together: most of them wait most of the time."""

    def __init__(self, pair: Pair, plays: dict[str, Play]) -> None:
        self._pair = pair
        self._plays = plays
        self._transcripts = dict(zip(plays, pair.play(list(plays.values())), strict=True))

    def complaint(self, name: str, expected: Difference | None) -> str | None:
        """What is wrong with the transcripts of a play, if it still is when it is played once more and
        given more time to come to rest (machines are shared)."""
        found = complaint(*self._transcripts[name], expected)
        if found is not None:
            [again] = self._pair.play([self._plays[name]], patience=8.0)
            found = complaint(*again, expected)
        return found


@pytest.fixture(scope="package")
def played(request: pytest.FixtureRequest, pair: Pair) -> Played:
    chosen = (item.get_closest_marker("plays") for item in request.session.items)
    return Played(pair, {mark.args[0]: mark.args[1] for mark in chosen if mark is not None})
