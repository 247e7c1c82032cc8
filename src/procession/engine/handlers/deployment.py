"""Deploying: new versions of what changed, all files or none (spec/engine.md section 8)."""

from __future__ import annotations

from procession.engine import commands as c
from procession.engine.definitions import Starts, close_starts, newest, open_starts, want_starts
from procession.engine.handling import Handler, handles
from procession.engine.reads import Reads
from procession.engine.records import Definition, Resource
from procession.engine.run import Run


class Deploy(Handler[c.Deploy]):
    def reads(self, command: c.Deploy, want: Reads) -> None:
        unit = want.unit
        for file in command.files:
            for process in file.processes:
                identity = (command.tenant, process.process_id)
                want.find(unit.definitions, "versions", identity)
                want_starts(want, identity)

    def execute(self, command: c.Deploy, run: Run) -> list[Definition]:
        deployment_key = run.new_key()
        deployed: list[Definition] = []
        for file in command.files:
            deployed += _unchanged(command, file, run) or _deploy_file(command, file, deployment_key, run)
        return deployed


def _unchanged(command: c.Deploy, file: c.DeployedFile, run: Run) -> list[Definition]:
    """The newest definitions, if all of them came from this very file; otherwise nothing.

    One that was deleted is no longer what the file would be compared with (Zeebe behaviour).
    """
    found = [_newest(command.tenant, process.process_id, run) for process in file.processes]
    same = [
        d
        for d in found
        if d is not None
        and d.deleted_at is None
        and d.checksum == file.checksum
        and d.resource_name == file.name
    ]
    return same if len(same) == len(file.processes) else []


def _newest(tenant: str, process_id: str, run: Run) -> Definition | None:
    return newest(run.unit.definitions.find("versions", (tenant, process_id)))


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
    before = _newest(tenant, process.process_id, run)
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
    close_starts(run, tenant, process.process_id)
    open_starts(run, definition, Starts(process.message_starts, process.signal_starts))
    return definition


handles(c.Deploy, Deploy())
