"""Moving processes to the newest version of their class, by the mapping that it declares."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from procession.engine import commands as c
from procession.errors import WrongState
from procession.process.blueprint import Blueprint
from procession.process.compiling import TURN
from procession.process.looking import Looker, Registered, class_version
from procession.process.repairing import Bulk, each
from procession.storage.searches.steps import (
    InstanceFacts,
    TaggedDefinition,
    running_on,
    tagged_definitions,
    tasks_of,
)

if TYPE_CHECKING:
    import sqlalchemy as sa

    from procession.client.app import Procession

log = logging.getLogger("procession.process")

AT_ONCE = 100
"""Processes that are moved side by side."""


class Migrations:
    """Moves processes of an app that runs."""

    def __init__(self, app: Procession, looker: Callable[[], Looker], registered: Registered) -> None:
        self._app = app
        self._looker = looker
        self._registered = registered

    async def migrate(self, key: int) -> None:
        """Let a process go on with the newest class, at the step that its own step becomes.

        Raises:
            NotFound: there is none of the registered ones with this key.
            WrongState: it has ended, is on that version already, its step becomes none, or a worker is at
                it. Nothing has changed.
        """
        looker = self._looker()
        facts = await asyncio.to_thread(looker.facts, key)
        target = self._target(facts)
        engine = self._engine()
        definitions = await asyncio.to_thread(tagged_definitions, engine, target.process_id)
        old = class_version(facts.version_tag) or 0
        old_tasks = await asyncio.to_thread(_tasks_of_version, engine, definitions, facts.info.version)
        mapping = _mapping(facts, old, target, had_turn=TURN in old_tasks)
        command = c.MigrateInstance(
            key,
            mapping,
            version=_deployed(definitions, target),
            from_version=facts.info.version,
            equal_ids=True,
            retype_jobs=True,
        )
        await self._app._send(command)
        log.info("process %d goes on with version %d: it was at %s", key, target.version, facts.element_id)

    async def migrate_all(self, keys: Iterable[int]) -> Bulk:
        """Move many; those that are refused stop no other."""
        done: list[int] = []
        refused: dict[int, str] = {}
        waiting = list(keys)
        for at in range(0, len(waiting), AT_ONCE):
            bulks = await asyncio.gather(*(each([key], self.migrate) for key in waiting[at : at + AT_ONCE]))
            for bulk in bulks:
                done += bulk.done
                refused |= bulk.refused
        return Bulk(done=done, refused=refused)

    async def outdated(self, process_ids: Iterable[str], from_version: int | None) -> list[int]:
        """The keys of running processes on older class versions (or on one of them), oldest first."""
        engine = self._engine()
        found: list[int] = []
        for process_id in process_ids:
            newest = self._newest(process_id).version
            definitions = await asyncio.to_thread(tagged_definitions, engine, process_id)
            older = [
                one.version
                for one in definitions
                if (version := class_version(one.version_tag)) is not None
                and version < newest
                and from_version in (None, version)
            ]
            found += await asyncio.to_thread(running_on, engine, process_id, older)
        return sorted(found)

    def _engine(self) -> sa.Engine:
        return self._app._backend.reader("moving processes to another version")

    def _newest(self, process_id: str) -> Blueprint:
        return self._registered[max(one for one in self._registered if one[0] == process_id)]

    def _target(self, facts: InstanceFacts) -> Blueprint:
        key, target = facts.info.key, self._newest(facts.info.process_id)
        version = class_version(facts.version_tag)
        if facts.info.ended_at is not None:
            raise WrongState(f"process {key} has ended", key=key)
        if version is None:
            raise WrongState(f"process {key} runs on a definition that is of no process class", key=key)
        if version >= target.version:
            raise WrongState(
                f"process {key} is on version {version} already; the newest that is registered is "
                f"{target.version}",
                key=key,
            )
        return target


def _mapping(facts: InstanceFacts, version: int, target: Blueprint, *, had_turn: bool) -> dict[str, str]:
    """What the elements of the old version become, where that is not what is called the same."""
    key, step = facts.info.key, facts.element_id
    strict = target.kind.channel.fifo
    if strict and not had_turn:
        raise WrongState(
            f"process {key} began without a strict channel, and version {target.version} has one: it has no "
            "turn there, so it cannot be moved; let it end on its version, or abandon it",
            key=key,
        )
    mapping = dict(target.kind.MIGRATE.get(version, {}))
    if had_turn and not strict:
        mapping[TURN] = target.steps[0].name
    names = {one.name for one in target.steps} | {TURN}
    if step is not None and mapping.get(step, step) not in names:
        raise WrongState(
            f"process {key} is at step {step!r}, which version {target.version} does not have: name what it "
            f"becomes in {target.kind.__name__}.MIGRATE = {{{version}: {{{step!r}: ...}}}}",
            key=key,
        )
    return mapping


def _deployed(definitions: Iterable[TaggedDefinition], target: Blueprint) -> int:
    """The engine's number of a class version."""
    for one in definitions:
        if one.version_tag == target.version_tag:
            return one.version
    raise WrongState(
        f"version {target.version} of {target.process_id} is not deployed with its steps: start its app"
    )


def _tasks_of_version(engine: sa.Engine, definitions: Iterable[TaggedDefinition], version: int) -> set[str]:
    for one in definitions:
        if one.version == version:
            return {name for name, _ in tasks_of(engine, one.key)}
    return set()
