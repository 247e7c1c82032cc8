"""Fixtures of the oracle: both servers, and the transcripts of all scenarios that were chosen."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Sequence

import pytest
from msgspec import Struct

from tests import zeebe as zeebe_broker
from tests.oracle import recorder
from tests.oracle.comparing import AT_ONCE, Transcript, complaint, play_all
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
    config.addinivalue_line("markers", "plays(chosen): what is played on both servers for this test")


class Pair(Struct, frozen=True):
    """A real Zeebe and our own server."""

    zeebe: str
    stories: Stories
    ours: str
    database: Database

    def play(
        self, plays: Sequence[Play], *, at_once: int = AT_ONCE, patience: float = 1.0
    ) -> list[tuple[Transcript, Transcript]]:
        """Play everything on Zeebe, then on ours."""

        async def both() -> list[tuple[Transcript, Transcript]]:
            zeebe = ZeebeSide(self.zeebe, self.stories, patience=patience)
            theirs = await play_all(plays, zeebe, at_once)
            await zeebe.close()
            side = OurSide(self.ours, self.database, patience=patience)
            ours = await play_all(plays, side, at_once)
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


class Chosen(Struct, frozen=True):
    """What a test plays: its only argument in the mark `plays`."""

    name: str
    play: Play
    differs: Difference | None = None
    alone: bool = False


class Played:
    """What is wrong with the transcripts of all that was chosen; it is played together, since most of it
    waits most of the time.

    What differs is played once more, with more time to come to rest: machines are shared."""

    def __init__(self, pair: Pair, chosen: Sequence[Chosen]) -> None:
        self._pair = pair
        self._complaints: dict[str, str | None] = {}
        self._play([one for one in chosen if not one.alone])
        self._play([one for one in chosen if one.alone], at_once=1)
        again = [one for one in chosen if self._complaints[one.name] is not None]
        self._play([one for one in again if not one.alone], at_once=8, patience=6.0)
        self._play([one for one in again if one.alone], at_once=1, patience=6.0)

    def _play(self, chosen: Sequence[Chosen], *, at_once: int = AT_ONCE, patience: float = 1.0) -> None:
        transcripts = self._pair.play([one.play for one in chosen], at_once=at_once, patience=patience)
        for one, pair in zip(chosen, transcripts, strict=True):
            self._complaints[one.name] = complaint(*pair, one.differs)

    def complaint(self, name: str) -> str | None:
        return self._complaints[name]


@pytest.fixture(scope="package")
def played(request: pytest.FixtureRequest, pair: Pair) -> Played:
    marks = (item.get_closest_marker("plays") for item in request.session.items)
    return Played(pair, [mark.args[0] for mark in marks if mark is not None])
