"""Where in a case's life a worker is, and where it kills itself."""

from __future__ import annotations

import functools
from enum import StrEnum
from typing import Any

from procession.messaging import Consumer
from procession.process.cases.answering import Answering
from procession.process.cases.asking import Asker, Sender
from tests.forkserver import die


class Point(StrEnum):
    """In the order in which a request and its reply pass them."""

    IN_STAGE = "in a stage"
    """Not committed."""
    STAGE_COMMITTED = "stage committed"
    """The request is not sent."""
    SENT = "sent"
    """That is not committed."""
    REPLY_GOT = "reply got"
    CORRELATED = "correlated"
    """Committed, and not acknowledged."""
    ACKNOWLEDGED = "acknowledged"


class Trail:
    """Kills this process when it comes to a point for the n-th time."""

    def __init__(self) -> None:
        self._deadly: Point | None = None
        self._left = 0

    def set(self, deadly: Point | None, after: int) -> None:
        self._deadly, self._left = deadly, after

    def at(self, point: Point) -> None:
        """It is here."""
        if point is self._deadly:
            self._left -= 1
            if self._left <= 0:
                die()


trail = Trail()


def watch() -> None:
    """Have the trail told of all points outside of stages."""
    _before(Asker, "_message", Point.STAGE_COMMITTED)
    _after(Sender, "send", Point.SENT)
    _before(Answering, "_check", Point.REPLY_GOT)
    _after(Answering, "_tell", Point.CORRELATED)
    _after(Consumer, "_settle", Point.ACKNOWLEDGED)


def _before(kind: type, name: str, point: Point) -> None:
    method = getattr(kind, name)

    @functools.wraps(method)
    def watched(*arguments: Any) -> Any:
        trail.at(point)
        return method(*arguments)

    setattr(kind, name, watched)


def _after(kind: type, name: str, point: Point) -> None:
    method = getattr(kind, name)

    @functools.wraps(method)
    async def watched(*arguments: Any) -> Any:
        answer = await method(*arguments)
        trail.at(point)
        return answer

    setattr(kind, name, watched)
