"""The engine on random processes: what always holds, and what makes no difference."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from unittest import mock

from hypothesis import given
from hypothesis import strategies as st

from procession.broker.batch import Entry
from procession.engine import commands as c
from procession.engine import lifecycle, run
from procession.engine.elements import multi_instance

from . import blocks as b
from .finishing import finish
from .invariants import check
from .rows import dump
from .strategies import Step, processes, schedules
from .world import Executor, world

NewFolder = Callable[[], Path]


@given(block=processes(), schedule=schedules(2))
def test_every_transaction_leaves_a_consistent_state_and_every_instance_can_be_ended(
    block: b.Block, schedule: list[Step], empty_database: Path, new_folder: NewFolder
) -> None:
    with world(empty_database, new_folder(), block, instances=2, after=check) as running:
        running.follow(schedule)
        finish(running)
