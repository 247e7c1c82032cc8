"""Deploying: new versions of what changed, all files or none (spec/engine.md section 8)."""

from __future__ import annotations

from procession.engine import commands as c
from procession.engine.handling import Handler, handles
from procession.engine.reads import Reads
from procession.engine.records import Definition, Resource, SignalStart, StartSubscription
from procession.engine.run import Run


class Deploy(Handler[c.Deploy]):
    def reads(self, command: c.Deploy, want: Reads) -> None:
        unit = want.unit
        for file in command.files:
            for process in file.processes:
                identity = (command.tenant, process.process_id)
                want.find(unit.definitions, "versions", identity)
                want.find(unit.starts, "process", identity)
                want.find(unit.signal_starts, "process", identity)

    def execute(self, command: c.Deploy, run: Run) -> list[Definition]:
        deployment_key = run.new_key()
        deployed: list[Definition] = []
        for file in command.files:
            deployed += _unchanged(command, file, run) or _deploy_file(command, file, deployment_key, run)
        return deployed


def _unchanged(command: c.Deploy, file: c.DeployedFile, run: Run) -> list[Definition]:
    """The latest definitions, if all of them came from this very file; otherwise nothing."""
    latest = [_latest(command.tenant, process.process_id, run) for process in file.processes]
    same = [
        d for d in latest if d is not None and d.checksum == file.checksum and d.resource_name == file.name
    ]
    return same if len(same) == len(file.processes) else []


def _latest(tenant: str, process_id: str, run: Run) -> Definition | None:
    found = run.unit.definitions.find("versions", (tenant, process_id))
    return max(found, key=lambda definition: definition.version, default=None)


def _deploy_file(command: c.Deploy, file: c.DeployedFile, deployment_key: int, run: Run) -> list[Definition]:
    resource = run.unit.resources.add(
        Resource(
            run.new_key(), deployment_key, command.tenant, file.name, file.checksum, file.content, run.now
        )
    )
    return [_deploy_process(command.tenant, file, resource, process, run) for process in file.processes]


def _deploy_process(
    tenant: str, file: c.DeployedFile, resource: Resource, process: c.DeployedProcess, run: Run
) -> Definition:
    before = _latest(tenant, process.process_id, run)
    definition = run.unit.definitions.add(
        Definition(
            run.new_key(),
            resource.key,
            tenant,
            process.process_id,
            before.version + 1 if before is not None else 1,
            process.name,
            process.version_tag,
            file.name,
            file.checksum,
            run.now,
        )
    )
    _replace_starts(definition, process, run)
    _replace_signal_starts(definition, process, run)
    return definition


def _replace_starts(definition: Definition, process: c.DeployedProcess, run: Run) -> None:
    identity = (definition.tenant, definition.process_id)
    for old in run.unit.starts.find("process", identity):
        run.unit.starts.remove(old)
    for element_id, name in process.message_starts:
        run.unit.starts.add(StartSubscription(run.new_key(), definition.key, *identity, name, element_id))


def _replace_signal_starts(definition: Definition, process: c.DeployedProcess, run: Run) -> None:
    identity = (definition.tenant, definition.process_id)
    for old in run.unit.signal_starts.find("process", identity):
        run.unit.signal_starts.remove(old)
    for element_id, name in process.signal_starts:
        run.unit.signal_starts.add(
            SignalStart(run.new_key(), definition.key, *identity, name, element_id, run.now)
        )


handles(c.Deploy, Deploy())
