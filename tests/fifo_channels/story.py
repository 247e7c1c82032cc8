"""Carries a plan out: processes are started, run, repaired, while dangers strike; then all has to end."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa

from tests.chaos.crew import Crew, Member
from tests.chaos.history import connected
from tests.chaos.journal import Journal, read_journal
from tests.postgres import Server

from .dangers import NODES_ONLY, WITH_SERVER, Dangers, draws

NODES = 3
_PROGRESS = (
    "SELECT (SELECT count(*) FROM process_instance WHERE ended_at IS NULL) + (SELECT count(*) FROM command), "
    "(SELECT count(*) FROM element_instance WHERE ended_at IS NOT NULL)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    seed: int
    processes: int
    dangers: int
    mean_pause: float
    """Seconds between dangers, on average."""
    longest_absence: float
    """Seconds for which a node is away."""
    slow: float
    """The share of runs that are slow."""
    settle_seconds: float = 120.0
    """How long nothing at all may happen."""


@dataclass(slots=True, kw_only=True)
class Outcome:
    url: str
    folder: Path
    struck: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    settled_after: float = 0.0
    """Seconds from the last danger to the last end."""


def carry_out(folder: Path, plan: Plan, url: str, server: Server | None = None) -> Outcome:
    """Carry the plan out in an empty folder, on a database with tables; its server may be restarted.

    Raises:
        AssertionError: somebody ended by himself, or nothing more happens.
    """
    outcome = Outcome(url=url, folder=folder)
    crew = Crew(folder, _members(folder, plan, url))
    with closing(Journal(folder / "dangers.jsonl")) as journal:
        dangers = Dangers(crew, journal, server)
        began = time.monotonic()
        crew.open_gate(0)
        try:
            for member in crew.members:
                crew.launch(member)
            _wait_until_ready(crew, plan)
            _rampage(crew, dangers, plan, outcome, NODES_ONLY if server is None else WITH_SERVER)
            crew.open_gate(plan.processes)
            dangers.calm()
            outcome.settled_after = _wait_for_the_end(crew, plan, url)
            crew.dismiss()
        finally:
            crew.end()
        outcome.seconds = time.monotonic() - began
    return outcome


def _members(folder: Path, plan: Plan, url: str) -> list[Member]:
    def member(role: str, name: str) -> Member:
        arguments = map(str, (role, name, url, folder, plan.seed, plan.processes, plan.slow))
        return Member(role, name, [sys.executable, "-m", "tests.fifo_channels.roles", *arguments])

    nodes = [member("node", f"node-{number + 1}") for number in range(NODES)]
    return [*nodes, member("operator", "operator"), member("client", "starter")]


def _wait_until_ready(crew: Crew, plan: Plan) -> None:
    end = time.monotonic() + plan.settle_seconds
    nodes = [member for member in crew.members if member.role == "node"]
    while not all(read_journal(crew.folder / f"{node.name}.jsonl") for node in nodes):
        crew.check_alive()
        assert time.monotonic() < end, f"the nodes do not come up: see {crew.folder}"
        time.sleep(0.05)


def _rampage(crew: Crew, dangers: Dangers, plan: Plan, outcome: Outcome, kinds: Sequence[str]) -> None:
    drawn = draws(plan.seed, kinds, plan.dangers, plan.mean_pause, plan.longest_absence)
    for number, draw in enumerate(drawn):
        crew.open_gate(plan.processes * (number + 1) // (plan.dangers + 1))
        dangers.wait(draw.after)
        crew.check_alive()
        while not dangers.strike(draw):
            dangers.wait(0.05)
        outcome.struck[draw.kind] += 1


def _wait_for_the_end(crew: Crew, plan: Plan, url: str) -> float:
    """However long it takes, as long as an element ends now and then."""
    began = moved = time.monotonic()
    most = -1
    while True:
        crew.check_alive()
        left, ended = _progress(url)
        now = time.monotonic()
        if left == 1 and crew.clients_are_done:
            return now - began
        if ended > most:
            most, moved = ended, now
        assert now - moved < plan.settle_seconds, f"{left - 1} processes have not ended: see {crew.folder}"
        time.sleep(0.2)


def _progress(url: str) -> tuple[int, int]:
    """How many run, the channel among them, and how many elements have ended."""
    with connected(url) as connection:
        left, ended = connection.execute(sa.text(_PROGRESS)).one()
        return left, ended
