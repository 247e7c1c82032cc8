"""Nothing is lost: processes on one SQLite file, killed at random moments (SIGKILL).

`pytest tests/chaos --chaos=full` kills 100 times while 1,000 instances run; otherwise a small version runs.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from .checker import check
from .orchestrator import Outcome, Plan, run
from .roles import STORY


def plan_of(config: pytest.Config) -> Plan:
    """The plan the options ask for; they are unknown when the tests run together with all others."""
    full = config.getoption("chaos", "small") == "full"
    seed = config.getoption("chaos_seed", None)
    return Plan(
        seed=random.randrange(1 << 32) if seed is None else seed,
        kills=config.getoption("chaos_kills", None) or (100 if full else 10),
        instances=config.getoption("chaos_instances", None) or (1000 if full else 100),
        mean_pause=0.6 if full else 0.4,
        settle_seconds=120.0 if full else 60.0,
    )


def test_every_acknowledged_thing_is_there_after_kills_at_random_moments(
    tmp_path: Path, pytestconfig: pytest.Config, capsys: pytest.CaptureFixture[str]
) -> None:
    # Given nodes, workers and clients that are killed again and again while instances run
    plan = plan_of(pytestconfig)
    with capsys.disabled():
        print(f"\nchaos: {plan}; replay with --chaos-seed={plan.seed}; files in {tmp_path}")
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
