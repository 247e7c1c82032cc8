"""Nothing is lost: processes on one SQLite file, killed at random moments (SIGKILL).

`PROCESSION_CHAOS=full` runs 100 kills over 1,000 instances; without it, a small version runs.
`PROCESSION_CHAOS_KILLS`, `PROCESSION_CHAOS_INSTANCES` and `PROCESSION_CHAOS_SEED` override each.
"""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from .checker import check
from .orchestrator import Outcome, Plan, run
from .roles import STORY

FULL = os.environ.get("PROCESSION_CHAOS") == "full"


def _number(name: str, default: int) -> int:
    return int(os.environ.get(f"PROCESSION_CHAOS_{name}", default))


def plan_of_this_run() -> Plan:
    return Plan(
        seed=_number("SEED", random.randrange(1 << 32)),
        kills=_number("KILLS", 100 if FULL else 10),
        instances=_number("INSTANCES", 1000 if FULL else 100),
        mean_pause=0.6 if FULL else 0.4,
        settle_seconds=120.0 if FULL else 60.0,
    )


def test_every_acknowledged_thing_is_there_after_kills_at_random_moments(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # Given nodes, workers and clients that are killed again and again while instances run
    plan = plan_of_this_run()
    with capsys.disabled():
        print(f"\nchaos: {plan}; replay with PROCESSION_CHAOS_SEED={plan.seed}; files in {tmp_path}")
    outcome = run(tmp_path, plan)
    with capsys.disabled():
        print(_figures(outcome))
    # When the drawing is replayed against the database and the journals
    complaints = check(outcome.database, STORY, outcome.journals)
    # Then nothing is missing, left over, doubled or early
    assert complaints == []
    assert outcome.killed.total() == plan.kills


def _figures(outcome: Outcome) -> str:
    kills = ", ".join(f"{name} {count}" for name, count in sorted(outcome.killed.items()))
    return (
        f"chaos: {outcome.killed.total()} kills ({kills}) in {outcome.seconds:.1f} s, "
        f"all ended {outcome.settled_after:.1f} s after the last kill"
    )
