"""Starts the processes, kills them at random moments, starts them again, and waits for the end."""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_QUIET = (
    "SELECT (SELECT count(*) FROM process_instance WHERE ended_at IS NULL) + (SELECT count(*) FROM command)"
)
_ENDS_WITHIN = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much chaos. The seed decides instances, victims and pauses; the scheduler decides the rest."""

    seed: int
    kills: int
    instances: int
    mean_pause: float
    """Seconds between kills, on average."""
    settle_seconds: float
    """How long the instances may take to end after the last kill."""


@dataclass(slots=True, kw_only=True)
class Outcome:
    database: Path
    journals: list[Path]
    killed: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    settled_after: float = 0.0
    """Seconds from the last kill to the last end."""


@dataclass(slots=True)
class Member:
    """A role of the crew, and the process that plays it now."""

    role: str
    name: str
    refs: list[str]
    process: subprocess.Popen[bytes] | None = None

    @property
    def done(self) -> bool:
        return self.process is not None and self.process.poll() == 0


class Crew:
    def __init__(self, folder: Path, plan: Plan) -> None:
        self.folder = folder
        self.plan = plan
        refs = [f"i-{number}" for number in range(plan.instances)]
        self.members = [
            Member("node", "node-1", []),
            Member("worker", "worker-1", []),
            Member("worker", "worker-2", []),
            Member("client", "client-1", refs[::2]),
            Member("client-only", "client-2", refs[1::2]),
        ]

    def launch(self, member: Member) -> None:
        command = [sys.executable, "-m", "tests.chaos.roles", member.role, str(self.folder), member.name]
        with (self.folder / f"{member.name}.log").open("ab") as log:
            member.process = subprocess.Popen(
                [*command, str(self.plan.seed), *member.refs],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=_ROOT,
                env={**os.environ, "PYTHONWARNINGS": "error"},
            )

    def kill(self, member: Member) -> None:
        """SIGKILL, as a crash would have it."""
        if member.process is not None:
            member.process.kill()
            _bury(member.process)

    def open_gate(self, instances: int) -> None:
        """Let clients start this many instances: work goes on as long as kills do."""
        fresh = self.folder / "gate.new"
        fresh.write_text(str(instances))
        fresh.rename(self.folder / "gate")

    def check_alive(self) -> None:
        """Only we end processes.

        Raises:
            AssertionError: one ended by itself, with what it said.
        """
        for member in self.members:
            code = member.process.poll() if member.process is not None else None
            if code not in (None, 0):
                raise AssertionError(f"{member.name} ended with {code}:\n{self.log_of(member)}")

    def log_of(self, member: Member) -> str:
        return (self.folder / f"{member.name}.log").read_text(errors="replace")[-4000:]

    def dismiss(self) -> None:
        """Let those left end in order.

        Raises:
            AssertionError: one did not, or not well.
        """
        processes = {m.name: m.process for m in self.members if m.process is not None}
        for process in processes.values():
            if process.stdin is not None:
                process.stdin.close()
        codes = {name: process.wait(_ENDS_WITHIN) for name, process in processes.items()}
        assert set(codes.values()) == {0}, f"not all ended well: {codes}; see {self.folder}"

    def end(self) -> None:
        for member in self.members:
            self.kill(member)


def _bury(process: subprocess.Popen[bytes]) -> None:
    process.wait()
    if process.stdin is not None:
        process.stdin.close()


def run(folder: Path, plan: Plan) -> Outcome:
    """Carry the plan out in an empty folder.

    Raises:
        AssertionError: a process ended by itself, or the instances did not end in time.
    """
    crew = Crew(folder, plan)
    outcome = Outcome(
        database=folder / "chaos.db", journals=[folder / f"{m.name}.jsonl" for m in crew.members]
    )
    began = time.monotonic()
    crew.open_gate(0)
    try:
        for member in crew.members:
            crew.launch(member)
        _rampage(crew, outcome)
        crew.open_gate(plan.instances)
        outcome.settled_after = _wait_for_the_end(crew, outcome.database)
        crew.dismiss()
    finally:
        crew.end()
    outcome.seconds = time.monotonic() - began
    return outcome


def _rampage(crew: Crew, outcome: Outcome) -> None:
    plan = crew.plan
    chance = random.Random(plan.seed)
    for number in range(plan.kills):
        crew.open_gate(plan.instances * (number + 1) // (plan.kills + 1))
        time.sleep(chance.uniform(0, 2 * plan.mean_pause))
        crew.check_alive()
        victim = chance.choice(crew.members)
        crew.kill(victim)
        outcome.killed[victim.name] += 1
        crew.launch(victim)


def _wait_for_the_end(crew: Crew, database: Path) -> float:
    began = time.monotonic()
    while not (_clients_are_done(crew) and _left(database) == 0):
        crew.check_alive()
        waited = time.monotonic() - began
        if waited > crew.plan.settle_seconds:
            raise AssertionError(f"after {waited:.0f} s {_left(database)} instances or commands are left")
        time.sleep(0.1)
    return time.monotonic() - began


def _clients_are_done(crew: Crew) -> bool:
    return all(member.done for member in crew.members if member.refs)


def _left(database: Path) -> int:
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        left: int = connection.execute(_QUIET).fetchone()[0]
    finally:
        connection.close()
    return left
