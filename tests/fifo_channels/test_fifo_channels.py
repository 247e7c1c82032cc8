"""Processes of a strict channel on three nodes that are killed, stopped and restarted at random."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import sqlalchemy as sa

from procession.testing.database import create_database
from tests.chaos.history import connected
from tests.postgres import Server, own_server

from .bookings import kind_of
from .judge import Judge, figures
from .record import read_record
from .story import Outcome, Plan, carry_out

PROCESSES = {"small": 150, "medium": 800, "full": 10_000}
DANGERS = {"small": 4, "medium": 12, "full": 80}
SQLITE_PROCESSES = {"small": 80, "medium": 300, "full": 2000}
SQLITE_DANGERS = {"small": 3, "medium": 5, "full": 21}


def plan_of(config: pytest.Config, processes: dict[str, int], dangers: dict[str, int]) -> Plan:
    """What the options ask for; they are unknown when the tests run together with all others."""
    size = config.getoption("fifo", "small")
    seed = config.getoption("fifo_seed", None)
    return Plan(
        seed=random.randrange(1 << 32) if seed is None else seed,
        processes=config.getoption("fifo_processes", None) or processes[size],
        dangers=config.getoption("fifo_dangers", None) or dangers[size],
        mean_pause={"small": 0.5, "medium": 2.0, "full": 5.0}[size],
        slow=0.03 if size == "small" else 0.01,
        longest_absence=4.5 if size == "small" else 8.0,
    )


def test_on_postgresql_they_run_one_at_a_time_and_in_order(
    tmp_path: Path, pytestconfig: pytest.Config, capsys: pytest.CaptureFixture[str]
) -> None:
    # Given processes of one channel, three nodes, an operator, and what may happen to nodes and server
    plan = plan_of(pytestconfig, PROCESSES, DANGERS)
    with capsys.disabled(), own_server() as server:
        server.make_template()
        # When all of it has come to its end
        outcome = told(tmp_path, plan, server.url(server.create_database()), server)
        # Then the journals of the steps show one turn after the other, in order, each to its end
        judge(outcome, plan)


def test_on_one_sqlite_file_they_run_one_at_a_time_and_in_order(
    tmp_path: Path, pytestconfig: pytest.Config, capsys: pytest.CaptureFixture[str]
) -> None:
    # Given the same on a file, where who is stopped may hold up everybody
    plan = plan_of(pytestconfig, SQLITE_PROCESSES, SQLITE_DANGERS)
    url = f"sqlite:///{create_database(tmp_path / 'books.db')}"
    # When all of it has come to its end
    with capsys.disabled():
        outcome = told(tmp_path, plan, url)
        # Then
        judge(outcome, plan)


def told(folder: Path, plan: Plan, url: str, server: Server | None = None) -> Outcome:
    print(f"\nstrict channel: {plan}; again with --fifo-seed={plan.seed}; files in {folder}", flush=True)
    outcome = carry_out(folder, plan, url, server)
    struck = ", ".join(f"{kind} {count}" for kind, count in sorted(outcome.struck.items()))
    print(
        f"{outcome.struck.total()} dangers ({struck}) in {outcome.seconds:.1f} s, "
        f"all ended {outcome.settled_after:.1f} s after the last"
    )
    return outcome


def judge(outcome: Outcome, plan: Plan) -> None:
    record = read_record(outcome.folder)
    judging = Judge(record, {n: kind_of(n, plan.seed) for n in range(plan.processes)})
    complaints = judging.complaints()
    print(", ".join(f"{name} {count}" for name, count in figures(record, judging).items()), flush=True)
    assert complaints == []
    assert figures(record, judging)["runs"] >= plan.processes // 2, "hardly a step ran: nothing is shown"
    assert outcome.struck.total() == plan.dangers
    # And the engine says the same of every process
    aborted = {start.n for start in record.starts.values() if start.key in record.abandoning}
    said = states(
        outcome.url, {start.key: start.n for start in record.starts.values() if start.key is not None}
    )
    assert said.keys() == set(range(plan.processes))
    assert {n for n, state in said.items() if state == "TERMINATED"} <= aborted
    assert {n for n, state in said.items() if state == "TERMINATED"} >= {
        start.n for start in record.starts.values() if start.key in record.abandoned
    }


def states(url: str, numbers: dict[int, int]) -> dict[int, str]:
    with connected(url) as connection:
        rows = connection.execute(
            sa.text("SELECT key, state FROM process_instance WHERE process_id <> 'process-channel'")
        )
        return {numbers[key]: STATES[state] for key, state in rows}


STATES = {1: "ACTIVE", 3: "COMPLETED", 5: "TERMINATED"}
