"""Moving processes to the newest version of their class, by the mapping that it declares."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

from procession.engine import commands as c
from procession.errors import WrongState
from procession.process.blueprint import Blueprint
from procession.process.bulk import Bulk, each
from procession.process.compiling import TURN
from procession.process.looking import Looker, Registered, class_version
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

T = TypeVar("T")
R = TypeVar("R")

log = logging.getLogger("procession.process")


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
        facts = await asyncio.to_thread(self._looker().facts, key)
        await self._migrate(facts, _Deployed(self._engine()))

    async def migrate_all(self, keys: Iterable[int]) -> Bulk:
        """Move many; those that are refused stop no other."""
        deployed = _Deployed(self._engine())
        return await each(self._looker(), keys, lambda facts: self._migrate(facts, deployed))

    async def _migrate(self, facts: InstanceFacts, deployed: _Deployed) -> None:
        key, version = facts.info.key, facts.info.version
        target = self._target(facts)
        old_tasks = await deployed.tasks(target.process_id, version)
        old = class_version(facts.version_tag) or 0
        command = c.MigrateInstance(
            key,
            _mapping(facts, old, target, had_turn=TURN in old_tasks),
            version=await deployed.number(target),
            from_version=version,
            equal_ids=True,
            retype_jobs=True,
        )
        await self._app._send(command)
        log.info("process %d goes on with version %d: it was at %s", key, target.version, facts.element_id)

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


class _Deployed:
    """What is deployed of processes; each is asked for once."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._asked: dict[tuple[object, object], asyncio.Task[Any]] = {}

    async def number(self, blueprint: Blueprint) -> int:
        """The engine's number of a class version."""
        for one in await self._versions(blueprint.process_id):
            if one.version_tag == blueprint.version_tag:
                return one.version
        raise WrongState(
            f"version {blueprint.version} of {blueprint.process_id} is not deployed with its steps: "
            "start its app"
        )

    async def tasks(self, process_id: str, number: int) -> set[str]:
        """The elements with jobs of a version, by the engine's number."""
        for one in await self._versions(process_id):
            if one.version == number:
                return {name for name, _ in await self._once(tasks_of, one.key)}
        return set()

    async def _versions(self, process_id: str) -> list[TaggedDefinition]:
        return await self._once(tagged_definitions, process_id)

    async def _once(self, ask: Callable[[sa.Engine, T], list[R]], about: T) -> list[R]:
        asked = self._asked.get((ask, about))
        if asked is None:
            asked = asyncio.create_task(asyncio.to_thread(ask, self._engine, about))
            self._asked[ask, about] = asked
        found: list[R] = await asked
        return found


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
