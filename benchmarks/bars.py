"""What a bar is. A missed bar is reported; it does not fail the run."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from benchmarks.measure import median
from benchmarks.systems import Rounds

Reading = Callable[[Rounds], list[float]]
"""One value per round; empty when the systems it needs did not run."""


class Bar(NamedTuple):
    """A value to reach: the median over the rounds is compared with `limit`."""

    name: str
    unit: str
    reading: Reading
    limit: float
    at_least: bool

    def hit(self, value: float) -> bool:
        return value >= self.limit if self.at_least else value <= self.limit


def metric(system: str, name: str) -> Reading:
    """The metric itself."""
    return lambda rounds: [figures[name] for figures in rounds.get(system, ())]


def ratio(name: str, *, to: str, system: str = "procession", of: str | None = None) -> Reading:
    """Metric `name` of `system` divided by `of` (or the same one) of `to`, within each round."""

    def read(rounds: Rounds) -> list[float]:
        pairs = zip(metric(system, name)(rounds), metric(to, of or name)(rounds), strict=False)
        return [value / base for value, base in pairs]

    return read


def judge(bar: Bar, rounds: Rounds) -> tuple[float, bool] | None:
    """The median and whether it reaches the bar; None when it was not measured."""
    values = bar.reading(rounds)
    if not values:
        return None
    value = median(values)
    return value, bar.hit(value)
