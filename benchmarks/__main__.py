"""Run every system in turn, round by round, and print medians, ranges, ratios and the bars.

`python -m benchmarks` from the repository's root. Within a round the systems follow each other, and
every system runs in a process of its own, so that neither a slow moment of the machine nor what one
of them leaves behind falls on one system only. The exit code is not zero only when something broke.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
from rich.console import Console

from benchmarks.measure import FULL, QUICK
from benchmarks.report import bar_table, other_table, throughput_table
from benchmarks.server import running_server, settings, tidy
from benchmarks.suites import SUITES, Suite
from benchmarks.systems import RoundFailed, Rounds, run_round
from tests.postgres import Server

DEFAULT_ROUNDS = 3
DEFAULT_FOLDER = Path("run/bench")


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--suite", choices=SUITES, default="sqlite", help="default: %(default)s")
    parser.add_argument("--rounds", type=int, default=DEFAULT_ROUNDS, help="default: %(default)s")
    parser.add_argument("--quick", action="store_true", help="a tenth of the work: shows that it runs")
    parser.add_argument("--only", help="comma-separated systems of the suite")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write every figure of every round")
    parser.add_argument(
        "--dir",
        type=Path,
        default=DEFAULT_FOLDER,
        help="database files; on a real disk (default: %(default)s)",
    )
    options = parser.parse_args(arguments)
    known = SUITES[options.suite].systems
    options.systems = options.only.split(",") if options.only else list(known)
    unknown = [name for name in options.systems if name not in known]
    if unknown:
        parser.error(f"no such system: {', '.join(unknown)}; there are {', '.join(known)}")
    if options.rounds < 1:
        parser.error("--rounds must be at least 1")
    return options


def run_all(
    suite: Suite, options: argparse.Namespace, console: Console, server: Server | None = None
) -> tuple[Rounds, list[str]]:
    """The figures of every round that worked, and the names of the systems that broke."""
    rounds: Rounds = {}
    broken: list[str] = []
    scale = QUICK if options.quick else FULL
    for number in range(1, options.rounds + 1):
        for system in [name for name in options.systems if name not in broken]:
            console.print(f"round {number} of {options.rounds}: {system}", style="dim")
            url = server.url("") if server else None
            try:
                figures = run_round(system, suite.systems[system], scale.factor, options.dir, url)
                rounds.setdefault(system, []).append(figures)
            except RoundFailed as failure:
                console.print(f"{system} broke:\n{failure}", style="red", markup=False)
                broken.append(system)
            if server:
                tidy(server)
    for system in broken:
        rounds.pop(system, None)
    return rounds, broken


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse_arguments(arguments)
    console, suite = Console(), SUITES[options.suite]
    if suite.on_server:
        with running_server(options.dir) as server:
            console.print(f"PostgreSQL: {settings(server)}", style="dim")
            rounds, broken = run_all(suite, options, console, server)
    else:
        rounds, broken = run_all(suite, options, console)
    for table in (throughput_table(suite, rounds), other_table(rounds), bar_table(suite, rounds)):
        console.print(table)
    if options.json:
        options.json.write_bytes(msgspec.json.format(msgspec.json.encode(rounds)))
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
