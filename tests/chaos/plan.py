"""How much chaos, and where it takes place."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from .dangers import Field


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much chaos. The seed decides instances, dangers and pauses; the scheduler decides the rest."""

    seed: int
    dangers: int
    instances: int
    mean_pause: float
    """Seconds between dangers, on average."""
    longest_pause: float = 15.0
    """For which a process is stopped, in seconds: leases of jobs and PostgreSQL's patience end before."""
    settle_seconds: float
    """How long the instances may take to end after the last danger."""
    nodes: int = 1
    workers: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What a plan is carried out in."""

    url: str
    """Of the database, past every proxy."""
    field: Field
    kinds: tuple[str, ...]
    """What may happen here, as often as it is named."""
    warms_up: bool = False
    """Whether dangers wait until work is under way, because that takes longer than a small plan."""


MakeWorld = Callable[[Path, Plan], AbstractContextManager[World]]
"""Makes one in an empty folder."""
