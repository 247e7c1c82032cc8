"""Carries a plan out: processes work, dangers strike, and in the end everything has to come to its end."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa

from .crew import Crew
from .dangers import draws, strike
from .history import connected
from .plan import MakeWorld, Plan, World

_PROGRESS = (
    "SELECT (SELECT count(*) FROM process_instance WHERE ended_at IS NULL) + (SELECT count(*) FROM command), "
    "(SELECT count(*) FROM element_instance WHERE ended_at IS NOT NULL)"
)


@dataclass(slots=True, kw_only=True)
class Outcome:
    url: str
    """Of the database, past the proxy."""
    journals: list[Path]
    struck: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    settled_after: float = 0.0
    """Seconds from the last danger to the last end."""


def run(folder: Path, plan: Plan, make_world: MakeWorld) -> Outcome:
    """Carry the plan out in an empty folder.

    Raises:
        AssertionError: a process ended by itself, or the instances did not end in time.
    """
    with make_world(folder, plan) as world:
        field, crew = world.field, world.field.crew
        outcome = Outcome(url=world.url, journals=crew.journals)
        began = time.monotonic()
        crew.open_gate(0)
        try:
            for member in crew.members:
                crew.launch(member)
            if world.warms_up:
                _warm_up(crew, world.url, plan)
            _rampage(world, plan, outcome)
            crew.open_gate(plan.instances)
            field.calm()
            outcome.settled_after = _wait_for_the_end(crew, world.url, plan.settle_seconds)
            crew.dismiss()
        finally:
            crew.end()
        outcome.seconds = time.monotonic() - began
    return outcome


def _warm_up(crew: Crew, url: str, plan: Plan) -> None:
    """Until the first instance has run a while."""
    end = time.monotonic() + plan.settle_seconds
    crew.open_gate(1)
    while time.monotonic() < end:
        crew.check_alive()
        progress = _progress(url)
        if progress is not None and progress[1]:
            return
        time.sleep(0.1)
    raise AssertionError(f"nothing has begun in {plan.settle_seconds:.0f} s: see {crew.folder}")


def _rampage(world: World, plan: Plan, outcome: Outcome) -> None:
    field = world.field
    dangers = draws(plan.seed, world.kinds, plan.dangers, plan.mean_pause, plan.longest_pause)
    for number, draw in enumerate(dangers):
        field.crew.open_gate(plan.instances * (number + 1) // (plan.dangers + 1))
        field.wait(draw.after)
        field.crew.check_alive()
        with (field.crew.folder / "dangers.log").open("a") as log:
            log.write(f"{time.time():.3f} {draw}\n")
        strike(field, draw)
        outcome.struck[draw.kind] += 1


def _wait_for_the_end(crew: Crew, url: str, patience: float) -> float:
    """However long it takes, as long as an element ends within `patience` seconds."""
    began = moved = time.monotonic()
    most = -1
    while True:
        crew.check_alive()
        now = time.monotonic()
        progress = _progress(url)
        if progress is not None:
            left, ended = progress
            if left == 0 and crew.clients_are_done:
                return now - began
            if ended > most:
                most, moved = ended, now
        if now - moved > patience:
            raise AssertionError(
                f"no element has ended for {patience:.0f} s; (left, ended) is {progress}: see {crew.folder}"
            )
        time.sleep(0.2)


def _progress(url: str) -> tuple[int, int] | None:
    """How many instances and commands are left, and how many elements have ended; None while the
    server recovers from the last danger, or no node has made the tables yet."""
    try:
        with connected(url) as connection:
            left, ended = connection.execute(sa.text(_PROGRESS)).one()
    except (sa.exc.OperationalError, sa.exc.ProgrammingError):
        return None
    return left, ended
