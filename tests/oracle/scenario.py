"""Scenarios: functions that use a `Run`, registered under a sentence that says what they show."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Awaitable, Callable

from msgspec import Struct

from tests.oracle import scenarios
from tests.oracle.run import Run

Play = Callable[[Run], Awaitable[None]]


class Difference(Struct, frozen=True, kw_only=True):
    """How the transcripts of a scenario differ, on purpose: the lines only one server wrote, in order."""

    why: str
    """A heading of docs/differences-from-zeebe.md."""
    zeebe: tuple[str, ...] = ()
    ours: tuple[str, ...] = ()


class Scenario(Struct, frozen=True, kw_only=True):
    subject: str
    says: str
    play: Play
    differs: Difference | None = None
    alone: bool = False
    """Whether it disturbs others: Zeebe's gateway drops all that is under way when one request times out."""

    @property
    def name(self) -> str:
        return f"{self.subject}: {self.says}"


_ALL: dict[str, Scenario] = {}


def scenario(says: str, *, differs: Difference | None = None, alone: bool = False) -> Callable[[Play], Play]:
    """Register a scenario; its subject is its module's name."""

    def register(play: Play) -> Play:
        subject = play.__module__.rsplit(".", 1)[1]
        one = Scenario(subject=subject, says=says, play=play, differs=differs, alone=alone)
        if one.name in _ALL:
            raise ValueError(f"two scenarios say {one.name!r}")
        _ALL[one.name] = one
        return play

    return register


def all_scenarios() -> list[Scenario]:
    for module in pkgutil.iter_modules(scenarios.__path__):
        importlib.import_module(f"{scenarios.__name__}.{module.name}")
    return list(_ALL.values())
