"""What the main job shows: progress while it runs, and a table when it is done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from examples.order.orders import Outcome
from examples.order.outcome import Tally
from procession import InstanceDetail

MOST_FAULTS = 10


class RunDisplay:
    """One live line: how many orders are started, completed, under way, and stuck."""

    def __init__(self, console: Console, total: int) -> None:
        self._progress = Progress(
            TextColumn("[bold]orders[/]"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[counts]}"),
            TimeElapsedColumn(),
            console=console,
        )
        self._task: TaskID = self._progress.add_task("orders", total=total, counts="")

    def __enter__(self) -> RunDisplay:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def show(self, tally: Tally, per_second: float) -> None:
        counts = (
            f"[green]{tally.completed} completed[/]  {tally.active - len(tally.incidents)} under way  "
            f"[red]{len(tally.incidents)} incidents[/]  {per_second:.0f}/s"
        )
        self._progress.update(self._task, completed=tally.completed + len(tally.incidents), counts=counts)


def result_table(reached: Mapping[str, Outcome], per_second: float, seconds: float) -> Table:
    """The numbers of the run; `per_second` are instances this run completed per second."""
    counts = Counter(reached.values())
    completed = counts[Outcome.SHIPPED] + counts[Outcome.REJECTED]
    table = Table(title="Orders", show_header=False, title_justify="left")
    table.add_column(style="bold")
    table.add_column(justify="right")
    table.add_column(style="dim")
    table.add_row("completed", str(completed), _split(counts))
    table.add_row("waiting", str(counts[Outcome.WAITING]), "for a payment that may take days")
    table.add_row("incidents", str(counts[Outcome.INCIDENT]), "an operator has to look")
    table.add_row(
        "throughput", f"{per_second:.0f}/s", f"orders completed, in {seconds:.1f} s, deadlines included"
    )
    return table


def _split(counts: Counter[Outcome]) -> str:
    return f"{counts[Outcome.SHIPPED]} shipped, {counts[Outcome.REJECTED]} rejected"


def path_line(order_id: str, detail: InstanceDetail) -> str:
    """The named elements one order went through."""
    steps = [escape(step.name) for step in detail.path if step.name]
    return f"[bold]The path of {order_id}:[/] " + " → ".join(steps)


def next_steps(db: str, key: int) -> str:
    return "\n".join(
        [
            "[bold]Where to look next:[/]",
            f"  procession instance list --db {db}",
            f"  procession instance show {key} --db {db}",
            f"  procession incident list --db {db}",
        ]
    )


def print_faults(console: Console, faults: Sequence[str]) -> None:
    console.print(f"[bold red]{len(faults)} orders are not where they must be:[/]")
    for fault in faults[:MOST_FAULTS]:
        console.print(f"  {fault}", markup=False)
    if len(faults) > MOST_FAULTS:
        console.print(f"  and {len(faults) - MOST_FAULTS} more")
