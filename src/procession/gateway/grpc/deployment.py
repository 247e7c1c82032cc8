"""Deploying files."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import PurePath
from typing import Any

from procession.broker import prepare
from procession.client.remote.stubs import pb
from procession.engine import commands as c
from procession.engine.records import DEFAULT_TENANT, Definition
from procession.errors import InvalidInput
from procession.gateway.grpc.calls import unary
from procession.gateway.grpc.core import Core
from procession.gateway.grpc.inputs import check_tenant, check_text
from procession.gateway.grpc.statuses import Unimplemented

_LATER = {".dmn": "decisions", ".form": "forms"}
_MODELS = (".bpmn", ".xml")


def _names(resources: Iterable[Any]) -> str:
    return ", ".join(resource.name for resource in resources) or "nothing"


async def _deploy(core: Core, files: list[tuple[str, bytes]]) -> list[Definition]:
    for name, _ in files:
        _check_kind(name)
    if len({name for name, _ in files}) < len(files):
        raise InvalidInput("two of the files have the same name")
    command, _ = await asyncio.to_thread(prepare, dict(files))
    deployed: list[Definition] = await core.submit(command, sum(len(content) for _, content in files))
    return deployed


def _check_kind(name: str) -> None:
    check_text("the file name", name)
    ending = PurePath(name).suffix.lower()
    if ending in _LATER:
        raise Unimplemented(f"{name} cannot be deployed: {_LATER[ending]} are not there yet")
    if ending not in _MODELS:
        raise InvalidInput(f"{name!r} has none of the endings {', '.join(_MODELS)}")


def _process(definition: Definition) -> pb.ProcessMetadata:
    return pb.ProcessMetadata(
        bpmnProcessId=definition.process_id,
        version=definition.version,
        processDefinitionKey=definition.key,
        resourceName=definition.resource_name,
        tenantId=DEFAULT_TENANT,
    )


@unary("DeployResource", "CREATE", lambda r: f"deploy {_names(r.resources)}")
async def deploy(core: Core, request: Any) -> pb.DeployResourceResponse:
    check_tenant(request.tenantId)
    deployed = await _deploy(core, [(resource.name, resource.content) for resource in request.resources])
    return pb.DeployResourceResponse(
        key=await core.new_key(),
        deployments=[pb.Deployment(process=_process(definition)) for definition in deployed],
        tenantId=DEFAULT_TENANT,
    )


@unary("DeployProcess", "CREATE", lambda r: f"deploy {_names(r.processes)}")
async def deploy_process(core: Core, request: Any) -> pb.DeployProcessResponse:
    deployed = await _deploy(core, [(process.name, process.definition) for process in request.processes])
    return pb.DeployProcessResponse(
        key=await core.new_key(), processes=[_process(definition) for definition in deployed]
    )


@unary("DeleteResource", "DELETE", lambda r: f"delete resource {r.resourceKey}")
async def delete(core: Core, request: Any) -> pb.DeleteResourceResponse:
    await core.submit(c.DeleteResource(request.resourceKey))
    return pb.DeleteResourceResponse()
