"""Deploying case classes: never other stages under cases that run."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

from procession.bpmn import write
from procession.errors import Unsupported, WrongState
from procession.process.cases.blueprint import CaseBlueprint
from procession.process.cases.compiling import SEND, compile
from procession.storage.searches.steps import running_versions, tagged_definitions, tasks_of

if TYPE_CHECKING:
    import sqlalchemy as sa

    from procession.client.app import Procession


def content_of(blueprint: CaseBlueprint) -> bytes:
    """The BPMN file of a case class."""
    return write([compile(blueprint)])


async def deploy(app: Procession, blueprints: Iterable[CaseBlueprint]) -> None:
    """Deploy what is not there yet.

    Raises:
        WrongState: cases run on other stages under the same api; the error names the stages.
    """
    files = {f"{one.process_id}.bpmn": (one, content_of(one)) for one in blueprints}
    try:
        engine = app._backend.reader("comparing stages with deployed ones")
    except Unsupported:
        wanted = files
    else:
        wanted = {name: pair for name, pair in files.items() if _is_new(engine, *pair)}
    if wanted:
        await app.deploy_files({name: content for name, (_, content) in wanted.items()})


def _is_new(engine: sa.Engine, blueprint: CaseBlueprint, content: bytes) -> bool:
    found = tagged_definitions(engine, blueprint.process_id)
    if not found:
        return True
    if found[0].checksum == hashlib.sha256(content).hexdigest():
        return False
    there = {name for name, _ in tasks_of(engine, found[0].key)} - {SEND}
    here = {stage.name for stage in blueprint.stages}
    running = sum(count for _, _, count in running_versions(engine, [blueprint.process_id]))
    if there != here and running:
        raise WrongState(
            f"business case {blueprint.kind.__name__} has other stages than {running} running cases of api "
            f"{blueprint.api!r} ({_difference(here, there)}): give the changed class a new api, and keep the "
            "old one until its cases have ended"
        )
    return True


def _difference(here: set[str], there: set[str]) -> str:
    parts = [f"new: {', '.join(sorted(here - there))}"] if here - there else []
    parts += [f"missing: {', '.join(sorted(there - here))}"] if there - here else []
    return "; ".join(parts)
