"""The commands of an application that has one set of them, found by everybody in the process."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import cache
from typing import ParamSpec, TypeVar

from procession.operations.commands.commands import Commands
from procession.operations.commands.keys import Named
from procession.operations.commands.lock import CommandLock
from procession.operations.commands.registry import Instances, Registration

P = ParamSpec("P")
R = TypeVar("R")

DATABASE_VARIABLE = "PROCESSION_DB"
ALERTS_VARIABLE = "PROCESSION_ALERTS"


@cache
def shared_commands() -> Commands:
    """The one `Commands` of this process, as the environment says: `PROCESSION_DB` (none: locks are in
    files alone), `PROCESSION_LOCKS`, and `PROCESSION_ALERTS` (URL texts of channels, with spaces between)."""
    return Commands(
        os.environ.get(DATABASE_VARIABLE) or None, alerts=os.environ.get(ALERTS_VARIABLE, "").split()
    )


def register_commands(commands: Mapping[Named, Registration]) -> Commands:
    """`Commands.register` of the shared ones, which it answers."""
    return shared_commands().register(commands)


def command_lock(key: str, *, lease: timedelta | None = None) -> CommandLock:
    """`Commands.lock` of the shared ones."""
    return shared_commands().lock(key, lease=lease)


def command(
    label: str, *, instances: Instances | None = None, lease: timedelta | None = None
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """`Commands.command` of the shared ones."""
    return shared_commands().command(label, instances=instances, lease=lease)
