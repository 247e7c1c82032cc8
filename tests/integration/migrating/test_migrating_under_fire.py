"""Instances are moved to another version while workers of both complete their jobs and all get killed.

Nothing is lost, each step is completed once, and none is run by the old version after the new one had it.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import pytest
import sqlalchemy as sa

from procession import Procession
from procession.engine.records import COMPLETED
from procession.storage.schema import tables
from procession.storage.searches import InstanceStatus, open_reader
from procession.testing.database import copy_database
from tests.integration.companions import PATIENCE, Companion
from tests.integration.migrating.models import ID, NEW, NEW_STEPS, OLD, OLD_STEPS, SAME
from tests.integration.migrating.roles import Entry, read

KILLS = 8
ENOUGH = 20
"""So many have to be moved."""
LONG = 4 * PATIENCE
"""Seconds in which all ends, however busy the machine is."""

_element = tables["element_instance"].c
_instance = tables["process_instance"].c


class Player(Companion):
    module = "tests.integration.migrating.roles"


class Crew:
    """Two nodes with workers of each version, and two that migrate; each is replaced when it is killed."""

    def __init__(self, url: str, folder: Path, stack: ExitStack, seed: int) -> None:
        self._stack = stack
        self._random = random.Random(seed)
        works = [("work", url, str(folder / f"journal-{n}"), version) for n, version in enumerate("1122")]
        self._parts = [*works, *(("migrate", url, "0.5") for _ in range(2))]
        self.journals = [journal for _, _, journal, _ in works]
        self._players = [self._begin(part) for part in self._parts]

    def _begin(self, part: tuple[str, ...]) -> Player:
        player = self._stack.enter_context(Player(*part))
        player.expect("ready")
        return player

    def kill_one(self) -> None:
        which = self._random.randrange(len(self._parts))
        self._players[which].kill()
        self._players[which] = self._begin(self._parts[which])


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, procession_database: Path, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{copy_database(procession_database, tmp_path / 'test.db')}"
    found: str = request.getfixturevalue("postgresql_url")
    return found


async def test_nothing_is_lost_and_no_step_goes_back_to_the_old_version(url: str, tmp_path: Path) -> None:
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    async with Procession(url, serve=False) as app:
        await app.deploy_files({"moving.bpmn": OLD})
        await app.deploy_files({"moving.bpmn": NEW})
        # Given instances on the old version, and workers of both
        with ExitStack() as stack:
            crew = await asyncio.to_thread(Crew, url, tmp_path, stack, seed)
            enough = asyncio.Event()
            starts = asyncio.create_task(_start(app, enough))
            # When they are moved while everybody gets killed
            for _ in range(KILLS):
                await asyncio.to_thread(crew.kill_one)
            await _moved(app)
            enough.set()
            started = await starts
            await _ended(app)
        entries = [entry for journal in crew.journals for entry in read(journal)]
    # Then
    _check_paths(url, started)
    _check_journals(entries)


async def _start(app: Procession, enough: asyncio.Event) -> int:
    """Start instances until there are enough. Answers how many."""
    number = 0
    while not enough.is_set():
        await app.start(ID, version=1, idempotency_key=f"{number}")
        number += 1
        await asyncio.sleep(0.05)
    return number


async def _moved(app: Procession) -> None:
    """Wait until some have been moved."""
    async with asyncio.timeout(LONG):
        while True:
            found = await app.instances(process_id=ID, limit=10_000)
            if sum(one.version == 2 for one in found) >= ENOUGH:
                return
            await asyncio.sleep(0.1)


async def _ended(app: Procession) -> None:
    async with asyncio.timeout(LONG):
        while (await app.count_instances(ID))[InstanceStatus.ACTIVE]:
            assert not await app.incidents(), "no step was to be held"
            await asyncio.sleep(0.1)


def _check_paths(url: str, started: int) -> None:
    """Each instance went through the steps of its versions in order."""
    engine = open_reader(url)
    with engine.connect() as connection:
        instances = {row.key: row for row in connection.execute(sa.select(tables["process_instance"]))}
        elements = connection.execute(sa.select(tables["element_instance"]).order_by(_element.key)).all()
    engine.dispose()
    assert len(instances) == started
    assert {row.state for row in instances.values()} == {COMPLETED}
    for key, row in instances.items():
        mine = [one for one in elements if one.instance_key == key]
        assert {one.state for one in mine} == {COMPLETED}
        steps = [one for one in mine if one.element_id not in ("s", "e")]
        names = [
            SAME.get(one.element_id, one.element_id) for one in sorted(steps, key=lambda one: one.started_at)
        ]
        expected = [SAME.get(step, step) for step in NEW_STEPS]
        if "between" not in names:
            expected = list(OLD_STEPS)  # it was at the last step already, or was never moved
        assert names == expected, (row.version, names)


def _check_journals(entries: list[Entry]) -> None:
    done = Counter((one.instance, SAME.get(one.step, one.step)) for one in entries if one.what == "done")
    assert max(done.values()) == 1, "a completion was acknowledged twice"
    runs: dict[int, list[Entry]] = {}
    for one in entries:
        if one.what == "began":
            runs.setdefault(one.job, []).append(one)
    for began in runs.values():
        leases = [one.lease for one in began]
        assert len(set(leases)) == len(leases), f"two runs under one lease: {began}"
        versions = [one.version for one in sorted(began, key=lambda one: one.lease)]
        assert versions == sorted(versions), f"the old version ran it after the new one: {began}"
