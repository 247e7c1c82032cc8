"""The tables a run ends with."""

from __future__ import annotations

from rich.table import Table

from benchmarks.bars import judge, metric, ratio
from benchmarks.measure import median
from benchmarks.suites import Suite
from benchmarks.systems import Rounds

THROUGHPUTS = {
    "one_task_per_s": "one task",
    "ten_tasks_per_s": "ten tasks",
    "one_task_sync_per_s": "one task, sync handlers",
    "ten_tasks_sync_per_s": "ten tasks, sync handlers",
}
"""Metric to its label; a `_sync` one is compared with the peer's metric without it."""


def throughput_table(suite: Suite, rounds: Rounds) -> Table:
    """Instances per second of each system, and how that compares with the suite's yardstick."""
    table = Table(title="Instances per second", title_justify="left")
    for heading in ("process", "system"):
        table.add_column(heading)
    for heading in ("median", "lowest", "highest", f"to {suite.yardstick} (range)"):
        table.add_column(heading, justify="right")
    for name, label in THROUGHPUTS.items():
        for system in rounds:
            if name in rounds[system][0]:
                compared = _ratio(rounds, system, name, suite.yardstick)
                table.add_row(label, system, *_spread(metric(system, name)(rounds)), compared)
        table.add_section()
    return table


def _ratio(rounds: Rounds, system: str, name: str, yardstick: str) -> str:
    values = ratio(name, to=yardstick, system=system, of=name.replace("_sync", ""))(rounds)
    if not values:
        return "-"
    return f"{median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def other_table(rounds: Rounds) -> Table:
    """Every other figure: latencies, memory, ratios."""
    table = Table(title="Other figures", title_justify="left")
    for heading in ("system", "figure"):
        table.add_column(heading)
    for heading in ("median", "lowest", "highest"):
        table.add_column(heading, justify="right")
    for system, figures in rounds.items():
        for name in figures[0]:
            if name not in THROUGHPUTS:
                table.add_row(system, name, *_spread(metric(system, name)(rounds)))
    return table


def _spread(values: list[float]) -> tuple[str, str, str]:
    return _number(median(values)), _number(min(values)), _number(max(values))


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"


def bar_table(suite: Suite, rounds: Rounds) -> Table:
    """Each bar: reached, missed, or not measured in this run."""
    table = Table(title="Bars", title_justify="left")
    table.add_column("bar")
    for heading in ("median", "limit", ""):
        table.add_column(heading, justify="right")
    for bar in suite.bars:
        limit = f"{'>=' if bar.at_least else '<='} {bar.limit:g} {bar.unit}"
        judged = judge(bar, rounds)
        if judged is None:
            table.add_row(bar.name, "-", limit, "[dim]not measured[/]")
        else:
            value, hit = judged
            table.add_row(
                bar.name, f"{value:.2f} {bar.unit}", limit, "[green]hit[/]" if hit else "[red]missed[/]"
            )
    return table
