"""A reply whose engine is away waits with whoever holds it, and no longer than the app runs."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest

from procession.errors import NotReady
from procession.messaging import Message
from procession.process.cases import Keyring, Refusal, TaskId, new_key
from procession.process.cases.answering import Answering
from procession.process.cases.blueprint import read
from procession.process.cases.hiding import Hiding

from .making import made

RING = Keyring([new_key("test")])
TASK = TaskId(case_key=1, case_id="made", api="v1", stage="work", ordinal=1).sealed(RING)


class Engine:
    """Is away for the first calls."""

    def __init__(self, away: int) -> None:
        self.away = away
        self.called = asyncio.Event()
        self.told: list[tuple[str, Any]] = []

    async def correlate(self, name: str, *, correlation_key: str, variables: Any) -> int:
        self.called.set()
        self.away -= 1
        if self.away >= 0:
            raise NotReady("the database is away")
        self.told.append((correlation_key, variables["reply"].body))
        return 1


def answering(engine: Engine, refused: Counter[Refusal]) -> Answering:
    hiding = Hiding(frozenset(), RING)
    return Answering(engine, read(made()), RING, hiding, refused, remote=False)  # type: ignore[arg-type]


async def test_it_is_told_as_soon_as_the_engine_is_there(caplog: pytest.LogCaptureFixture) -> None:
    engine, refused = Engine(away=2), Counter[Refusal]()
    await answering(engine, refused).handle(Message.with_json(7, correlation=TASK))
    assert engine.told == [(TASK, 7)]
    assert not refused
    assert caplog.text.count("replies wait, the engine cannot take them: the database is away") == 1


async def test_an_app_that_stops_gives_it_back() -> None:
    # Given a reply that waits for an engine that does not come back
    engine, refused = Engine(away=1_000_000), Counter[Refusal]()
    held = answering(engine, refused)
    handling = asyncio.create_task(held.handle(Message.with_json(7, correlation=TASK)))
    await engine.called.wait()
    # When the app stops, then the handler ends with an error that has the message delivered again
    held.stop()
    async with asyncio.timeout(60):
        with pytest.raises(NotReady, match="the app stops"):
            await handling
    assert engine.told == []
    assert not refused
