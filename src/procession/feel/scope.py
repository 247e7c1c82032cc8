"""What surrounds one evaluation: clock, time zone, randomness, limits and warnings."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from procession.feel.errors import FeelError

STEP_LIMIT = 1_000_000
"""Steps an evaluation may take: iterations, calls, and elements handled by built-in functions."""

RECURSION_LIMIT = 100
"""How deep functions written in FEEL may call each other."""

_MAX_WARNINGS = 100
_UTC = ZoneInfo("UTC")


class EvaluationScope:
    """The surroundings of one evaluation, or of the evaluations that make up one decision.

    `now` is an aware datetime (default: read from the clock when first asked for); `timezone` is
    the zone in which now() and today() answer (default UTC); `seed` makes `random number()`
    repeatable; `step_limit` bounds the steps of everything evaluated in this scope together.
    `warnings` lists the faults that produced a null, at most one hundred of them.
    """

    __slots__ = ("_now", "_random", "_seed", "calls", "step_limit", "steps", "timezone", "warnings")

    def __init__(
        self,
        *,
        now: datetime | None = None,
        timezone: ZoneInfo = _UTC,
        seed: int | str | None = None,
        step_limit: int = STEP_LIMIT,
    ) -> None:
        self._now = now
        self.timezone = timezone
        self._seed = seed
        self._random: random.Random | None = None
        self.step_limit = step_limit
        self.steps = 0
        self.calls = 0
        self.warnings: list[str] = []

    @property
    def now(self) -> datetime:
        """The moment of the evaluation; the same however often it is asked for."""
        if self._now is None:
            self._now = datetime.now(UTC)
        return self._now.astimezone(self.timezone)

    @property
    def random(self) -> random.Random:
        """The source of random numbers, seeded with `seed`."""
        if self._random is None:
            self._random = random.Random(self._seed)
        return self._random

    def tick(self, steps: int = 1) -> None:
        """Count steps. Raises FeelError past the limit."""
        self.steps += steps
        if self.steps > self.step_limit:
            raise FeelError(f"evaluation took more than {self.step_limit} steps")

    def enter(self) -> None:
        """Count one call of a FEEL function. Raises FeelError when calls nest too deeply."""
        self.tick()
        self.calls += 1
        if self.calls > RECURSION_LIMIT:
            raise FeelError(f"functions call each other more than {RECURSION_LIMIT} levels deep")

    def leave(self) -> None:
        """The end of a call counted by `enter`."""
        self.calls -= 1

    def warn(self, message: str) -> None:
        """Note why a value became null."""
        if len(self.warnings) < _MAX_WARNINGS:
            self.warnings.append(message)


def fault(scope: EvaluationScope | None, message: str) -> Any:
    """The null a runtime fault produces; the reason is noted when somebody listens."""
    if scope is not None:
        scope.warn(message)
    return None
