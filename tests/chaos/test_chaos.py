"""Nothing is lost: processes are killed and stopped, connections cut, servers restarted, at random moments.

On SQLite processes are killed; on PostgreSQL everything in `dangers` happens. Both run with apps that are
nodes themselves, and with apps that speak gRPC with servers. By default small versions run; `--chaos=full`
takes minutes, `--chaos=large` is for PostgreSQL (see CONTRIBUTING).
"""

from __future__ import annotations

import random
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.postgres import own_server

from .checker import check
from .history import connected
from .orchestrator import Outcome, run
from .plan import Plan
from .promises import read_promises
from .story import STORY
from .worlds import grpc_on_postgresql, grpc_on_sqlite, postgresql, sqlite

_SECONDS_BETWEEN = 1.5
_INSTANCES_AN_HOUR = 30_000


def _seed(config: pytest.Config) -> int:
    seed: int | None = config.getoption("chaos_seed", None)
    return random.randrange(1 << 32) if seed is None else seed


def sqlite_plan(config: pytest.Config) -> Plan:
    """The plan the options ask for; they are unknown when the tests run together with all others."""
    full = config.getoption("chaos", "small") != "small"
    return Plan(
        seed=_seed(config),
        dangers=config.getoption("chaos_dangers", None) or (100 if full else 10),
        instances=config.getoption("chaos_instances", None) or (1000 if full else 100),
        mean_pause=0.6 if full else 0.4,
        settle_seconds=120.0,
    )


def postgresql_plan(config: pytest.Config) -> Plan:
    """The same for PostgreSQL, where there are more dangers, nodes and workers."""
    size = config.getoption("chaos", "small")
    hours: float | None = config.getoption("chaos_hours", None)
    dangers, instances = {"small": (22, 60), "full": (60, 1000), "large": (400, 10_000)}[size]
    if hours is not None:
        dangers, instances = int(hours * 3600 / _SECONDS_BETWEEN), int(hours * _INSTANCES_AN_HOUR)
    small = size == "small" and hours is None
    return Plan(
        seed=_seed(config),
        dangers=config.getoption("chaos_dangers", None) or dangers,
        instances=config.getoption("chaos_instances", None) or instances,
        mean_pause=0.3 if small else _SECONDS_BETWEEN,
        longest_pause=4.0 if small else 15.0,
        settle_seconds=120.0,
        nodes=3,
        workers=4,
    )


def test_every_acknowledged_thing_is_there_after_kills_at_random_moments(
    tmp_path: Path, pytestconfig: pytest.Config, capsys: pytest.CaptureFixture[str]
) -> None:
    # Given nodes, workers and clients that are killed again and again while instances run
    plan = sqlite_plan(pytestconfig)
    with capsys.disabled():
        print(f"\nchaos: {plan}; replay with --chaos-seed={plan.seed}; files in {tmp_path}")
    outcome = run(tmp_path, plan, sqlite)
    with capsys.disabled():
        print(_figures(outcome))
    # When the drawing is replayed against the database and the journals
    complaints = check(outcome.url, STORY, outcome.journals)
    # Then nothing is missing, left over, doubled or early
    assert complaints == []
    assert outcome.struck.total() == plan.dangers


def test_every_acknowledged_thing_is_there_whatever_happens_around_postgresql(
    tmp_path: Path, pytestconfig: pytest.Config, capsys: pytest.CaptureFixture[str]
) -> None:
    # Given nodes, workers and clients on one server, and everything around them fails again and again
    plan = postgresql_plan(pytestconfig)
    with capsys.disabled():
        print(f"\nchaos on PostgreSQL: {plan}; replay with --chaos-seed={plan.seed}; files in {tmp_path}")
    with own_server() as server:
        outcome = run(tmp_path, plan, partial(postgresql, server))
        with capsys.disabled():
            print(_figures(outcome), flush=True)
        # When the drawing is replayed against the database and the journals
        complaints = check(outcome.url, STORY, outcome.journals)
        # Then nothing is missing, left over, doubled or early
        assert complaints == []
        assert outcome.struck.total() == plan.dangers
        # And that is no wonder of a checker that reads nothing here
        with connected(outcome.url) as connection:
            connection.execute(sa.text("DELETE FROM element_instance WHERE element_id='Note'"))
            connection.commit()
        assert len(check(outcome.url, STORY, outcome.journals)) >= plan.instances


def grpc_plan(config: pytest.Config) -> Plan:
    """The same for servers and apps that reach them over gRPC."""
    size = config.getoption("chaos", "small")
    dangers, instances = {"small": (8, 40), "full": (25, 150), "large": (200, 2_000)}[size]
    return Plan(
        seed=_seed(config),
        dangers=config.getoption("chaos_dangers", None) or dangers,
        instances=config.getoption("chaos_instances", None) or instances,
        mean_pause=0.4 if size == "small" else 0.6,
        longest_pause=3.0 if size == "small" else 10.0,
        settle_seconds=120.0,
        workers=2 if size == "small" else 3,
    )


def test_nothing_is_lost_or_doubled_when_clients_and_workers_speak_grpc(
    tmp_path: Path, pytestconfig: pytest.Config, capsys: pytest.CaptureFixture[str]
) -> None:
    # Given a server, and workers and clients on a network that fails; all are killed and stopped
    plan = grpc_plan(pytestconfig)
    with capsys.disabled():
        print(f"\nchaos over gRPC: {plan}; replay with --chaos-seed={plan.seed}; files in {tmp_path}")
    outcome = run(tmp_path, plan, grpc_on_sqlite)
    with capsys.disabled():
        print(_figures(outcome))
    # When the drawing is replayed against the database and the journals
    complaints = check(outcome.url, STORY, outcome.journals)
    # Then nothing is missing, left over, doubled or early that would not be on Zeebe
    assert complaints == []
    assert outcome.struck.total() == plan.dangers


def test_nothing_is_lost_or_doubled_over_grpc_whatever_happens_around_the_database(
    tmp_path: Path, pytestconfig: pytest.Config, capsys: pytest.CaptureFixture[str]
) -> None:
    # Given two gRPC servers behind one port, and a database around which everything fails
    plan = replace(grpc_plan(pytestconfig), nodes=2)
    with capsys.disabled():
        print(f"\nchaos over gRPC on PostgreSQL: {plan}; replay with --chaos-seed={plan.seed}; in {tmp_path}")
    with own_server() as server:
        outcome = run(tmp_path, plan, partial(grpc_on_postgresql, server))
        with capsys.disabled():
            print(_figures(outcome), flush=True)
        # When the drawing is replayed against the database and the journals
        complaints = check(outcome.url, STORY, outcome.journals)
        # Then nothing is missing, left over, doubled or early that would not be on Zeebe
        assert complaints == []
        assert outcome.struck.total() == plan.dangers


def _figures(outcome: Outcome) -> str:
    struck = ", ".join(f"{name} {count}" for name, count in sorted(outcome.struck.items()))
    promises = read_promises(outcome.journals)
    unknown = len(promises.meant.keys() - promises.started.keys())
    return (
        f"chaos: {outcome.struck.total()} dangers ({struck}) in {outcome.seconds:.1f} s, "
        f"all ended {outcome.settled_after:.1f} s after the last; "
        f"{len(promises.started)} starts acknowledged, {unknown} unknown"
    )
