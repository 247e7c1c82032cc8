"""Deploying process classes: once for each class version, never over other steps of the same version."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING

from procession.bpmn import write
from procession.errors import Unsupported, WrongState
from procession.process.blueprint import Blueprint
from procession.process.compiling import HANDLER, TURN, compile
from procession.process.looking import class_version
from procession.storage.searches.steps import running_versions, tagged_definitions, tasks_of

if TYPE_CHECKING:
    import sqlalchemy as sa

    from procession.client.app import Procession

log = logging.getLogger("procession.process")

Versions = dict[tuple[str, int], int]
"""The engine's version number for a process id and class version."""


async def deploy(app: Procession, blueprints: Iterable[Blueprint]) -> Versions:
    """Deploy what is not there yet, older class versions first.

    On a remote server, whose definitions cannot be looked at, the newest of each process is deployed.

    Raises:
        WrongState: a class has other steps than what is deployed of its version; the error names the step.
    """
    try:
        engine = app._backend.reader("comparing steps with deployed ones")
    except Unsupported:
        return await _deploy_newest(app, blueprints)
    versions: Versions = {}
    for blueprint in sorted(blueprints, key=lambda one: (one.process_id, one.version)):
        versions[blueprint.process_id, blueprint.version] = await _ensure(app, engine, blueprint)
    return versions


async def _deploy_newest(app: Procession, blueprints: Iterable[Blueprint]) -> Versions:
    newest: dict[str, Blueprint] = {}
    for blueprint in blueprints:
        if blueprint.process_id not in newest or newest[blueprint.process_id].version < blueprint.version:
            newest[blueprint.process_id] = blueprint
    return {(one.process_id, one.version): await _deploy(app, one) for one in newest.values()}


async def _ensure(app: Procession, engine: sa.Engine, blueprint: Blueprint) -> int:
    found = tagged_definitions(engine, blueprint.process_id)
    same = [one for one in found if class_version(one.version_tag) == blueprint.version]
    for other in same:
        if other.version_tag != blueprint.version_tag:
            _refuse(blueprint, tasks_of(engine, other.key))
    newest = max((class_version(one.version_tag) or 0 for one in found), default=0)
    checksum = hashlib.sha256(content_of(blueprint)).hexdigest()
    for one in same:
        # What is older than another version stays as it is: deployed again it would be the latest.
        if one.checksum == checksum or blueprint.version < newest:
            return one.version
    return await _deploy(app, blueprint)


def content_of(blueprint: Blueprint) -> bytes:
    """The BPMN file of a process class."""
    return write([compile(blueprint)])


async def _deploy(app: Procession, blueprint: Blueprint) -> int:
    name = f"{blueprint.process_id}.v{blueprint.version}.bpmn"
    deployment = await app.deploy_files({name: content_of(blueprint)})
    return deployment.definitions[0].version


def _refuse(blueprint: Blueprint, deployed: list[tuple[str, dict[str, str]]]) -> None:
    there = [(name, headers.get(HANDLER, "")) for name, headers in deployed if name != TURN]
    here = [(step.name, step.handler) for step in blueprint.steps]
    raise WrongState(
        f"process {blueprint.kind.__name__} has other steps than what is deployed of its version "
        f"{blueprint.version}: {_difference(here, there)}; raise `version` to {blueprint.version + 1}, "
        "and keep the old class for what runs on it"
    )


def _difference(here: list[tuple[str, str]], there: list[tuple[str, str]]) -> str:
    for number, (mine, theirs) in enumerate(zip(here, there, strict=False), start=1):
        if mine[0] != theirs[0]:
            return f"step {number} is {mine[0]!r}, deployed is {theirs[0]!r}"
        if mine[1] != theirs[1]:
            return f"step {mine[0]!r} is handled by {mine[1]}, deployed is {theirs[1]}"
    if len(here) > len(there):
        return f"step {here[len(there)][0]!r} is new"
    if len(there) > len(here):
        return f"step {there[len(here)][0]!r} is missing"
    return "their steps are in other phases (START, STEPS, FINISH)"


def warn_of_strangers(app: Procession, blueprints: Iterable[Blueprint]) -> None:
    """Say which running processes wait for code that is not registered here."""
    known = {(one.process_id, one.version) for one in blueprints}
    try:
        engine = app._backend.reader("looking for older versions")
    except Unsupported:
        return
    for process_id, tag, count in running_versions(engine, {one for one, _ in known}):
        version = class_version(tag)
        if (process_id, version) not in known:
            log.warning(
                "%d running %s of version %s wait for a worker with its code: register that class too, or "
                "move them (procession process migrate)",
                count,
                process_id,
                version,
            )
