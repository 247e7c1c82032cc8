"""Deleting a version of a process (spec/engine.md section 12, as Zeebe 8.6 does it)."""

from __future__ import annotations

from procession.engine import commands as c
from procession.engine.definitions import close_starts, latest, open_starts, starts_of, want_starts
from procession.engine.handling import Handler, handles
from procession.engine.reads import Reads
from procession.engine.records import Definition
from procession.engine.run import Run
from procession.errors import NotFound, WrongState


class Delete(Handler[c.DeleteResource]):
    """What remains is the record, marked, and its file: history shows what ran.

    A start that another node carries out at the same moment may still get its instance. It runs to its
    end, because nothing that an instance needs is taken away.
    """

    def reads(self, command: c.DeleteResource, want: Reads) -> None:
        unit = want.unit
        for definition in want.find(unit.definitions, "deletion", command.key):
            identity = _identity(definition)
            want.find(unit.instances, "running", (*identity, definition.version))
            want_starts(want, identity)
            before = _latest_without(definition, want.find(unit.definitions, "versions", identity))
            if before is not None:
                want.graph(before.key)

    def execute(self, command: c.DeleteResource, run: Run) -> None:
        definition = _existing(command, run)
        identity = _identity(definition)
        _refuse_running(definition, run)
        versions = run.unit.definitions.find("versions", identity)
        was_latest = latest(versions) is definition
        before = _latest_without(definition, versions)
        graph = run.graph(before.key) if was_latest and before is not None else None

        definition.deleted_at = run.now
        if was_latest:
            close_starts(run, *identity)
        if before is not None and graph is not None:
            open_starts(run, before, starts_of(graph))


def _identity(definition: Definition) -> tuple[str, str]:
    return definition.tenant, definition.process_id


def _existing(command: c.DeleteResource, run: Run) -> Definition:
    for definition in run.unit.definitions.find("deletion", command.key):
        if definition.deleted_at is None and definition.tenant == command.tenant:
            return definition
    raise NotFound(f"there is no process definition with key {command.key}", key=command.key)


def _latest_without(definition: Definition, versions: list[Definition]) -> Definition | None:
    return latest([other for other in versions if other.key != definition.key])


def _refuse_running(definition: Definition, run: Run) -> None:
    instances = run.unit.instances
    version = (*_identity(definition), definition.version)
    # One that ends in this very batch is found no more, but hides that there may be others.
    if instances.find("running", version) or instances.truncated("running", version):
        raise WrongState(
            f"process {definition.process_id!r} version {definition.version} (definition {definition.key}) "
            "has running instances; it can be deleted when they have ended",
            key=definition.key,
        )


handles(c.DeleteResource, Delete())
