"""What Procession has to reach. A missed bar is reported; it does not fail the run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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


BARS: Sequence[Bar] = (
    Bar("one task, to SpiffWorkflow in memory", "x", ratio("one_task_per_s", to="spiff"), 3, at_least=True),
    Bar("ten tasks, to SpiffWorkflow in memory", "x", ratio("ten_tasks_per_s", to="spiff"), 2, at_least=True),
    Bar("one instance alone, p50", "ms", metric("procession", "alone_p50_ms"), 2, at_least=False),
    Bar("event loop held, p99", "ms", metric("loop-lag", "hold_p99_ms"), 5, at_least=False),
    Bar("second process waits, p99", "ms", metric("second-process", "wait_p99_ms"), 50, at_least=False),
    Bar("memory growth", "MiB", metric("growth", "memory_growth_mb"), 10, at_least=False),
    Bar("speed beside finished ones", "x", metric("growth", "beside_finished_ratio"), 0.9, at_least=True),
    Bar("speed beside waiting ones", "x", metric("growth", "beside_waiting_ratio"), 0.9, at_least=True),
)


def judge(bar: Bar, rounds: Rounds) -> tuple[float, bool] | None:
    """The median and whether it reaches the bar; None when it was not measured."""
    values = bar.reading(rounds)
    if not values:
        return None
    value = median(values)
    return value, bar.hit(value)
