"""What a scenario can do on a server. What it does and every answer becomes a line of its transcript."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import Callable, Sequence
from typing import Any

import grpc
from google.protobuf.message import Message
from msgspec import Struct
from pyzeebe.proto import gateway_pb2 as pb

from tests.oracle.names import new_suffix, own
from tests.oracle.sides import PATIENCE_SECONDS, Side
from tests.oracle.state import Incident, State, shown

LEASE_MS = 300_000
_POLL_SECONDS = 0.02
_LONG_POLL_MS = 5_000

Variables = dict[str, Any]


class Unexpected(Exception):
    """A scenario did not get what it waited for."""


class Job(Struct, kw_only=True, frozen=True):
    """A job that was handed out. `type` is without the scenario's suffix."""

    key: int
    type: str
    element: str
    element_key: int
    instance_key: int
    variables: Variables


class Run:
    """One scenario on one server."""

    def __init__(self, side: Side) -> None:
        self.side = side
        self.suffix = new_suffix()
        self.transcript: list[str] = []
        self.instance = 0
        """Key of the process instance created last; `definition` likewise of the process deployed."""
        self.definition = 0
        self._ordinals: dict[int, int] = {}
        self._files = itertools.count(1)

    def note(self, text: str) -> None:
        """Put a line into the transcript."""
        self.transcript += text.replace(self.suffix, "").splitlines()

    def name(self, plain: str) -> str:
        """The server's word for a name of this scenario."""
        return f"{plain}{self.suffix}" if plain else ""

    def _ordinal(self, key: int) -> str:
        return f"#{self._ordinals.setdefault(key, len(self._ordinals) + 1)}"

    async def call(self, what: str, method: str, request: Message, *, timeout: float = 90.0) -> Any:
        """Send a request and note its status. The answer, or None if it was refused."""
        try:
            answer = await getattr(self.side.stub, method)(request, timeout=timeout)
        except grpc.aio.AioRpcError as error:
            self.note(f"{what}: {error.code().name}")
            return None
        self.note(f"{what}: OK")
        return answer

    # Definitions and instances

    async def deploy(self, *models: bytes, name: str | None = None) -> Any:
        """Deploy models together. `name` is the file's, where it matters."""
        resources = [
            pb.Resource(name=f"{name or next(self._files)}{self.suffix}.bpmn", content=own(one, self.suffix))
            for one in models
        ]
        answer = await self.call("deploy", "DeployResource", pb.DeployResourceRequest(resources=resources))
        for one in answer.deployments if answer else ():
            process = one.process
            self.definition = process.processDefinitionKey
            self.note(f"  {process.bpmnProcessId} version {process.version} {self._ordinal(self.definition)}")
        return answer

    def creation(
        self, process: str, variables: Any, version: int, at: Sequence[str], definition: int
    ) -> pb.CreateProcessInstanceRequest:
        instructions = [pb.ProcessInstanceCreationStartInstruction(elementId=one) for one in at]
        return pb.CreateProcessInstanceRequest(
            bpmnProcessId="" if definition else self.name(process),
            processDefinitionKey=definition,
            version=version,
            variables=_json(variables),
            startInstructions=instructions,
        )

    async def create(
        self,
        variables: Any = None,
        *,
        process: str = "p",
        version: int = -1,
        at: Sequence[str] = (),
        definition: int = 0,
    ) -> int:
        """Create an instance. Its key, or 0. `variables` given as text go as they are."""
        request = self.creation(process, variables, version, at, definition)
        answer = await self.call(f"create {process}", "CreateProcessInstance", request)
        if answer is not None:
            self.note(f"  of {answer.bpmnProcessId} version {answer.version}")
            self.instance = answer.processInstanceKey
        return self.instance if answer is not None else 0

    def create_with_result(
        self,
        variables: Any = None,
        *,
        process: str = "p",
        fetch: Sequence[str] = (),
        timeout_ms: int = 20_000,
    ) -> asyncio.Task[Any]:
        """Create an instance, and ask for its result: `answer` waits for it."""
        request = pb.CreateProcessInstanceWithResultRequest(
            request=self.creation(process, variables, -1, (), 0),
            requestTimeout=timeout_ms,
            fetchVariables=fetch,
        )

        call = self.side.stub.CreateProcessInstanceWithResult(request, timeout=90)

        async def answer() -> Any:
            return await call

        return asyncio.create_task(answer())

    async def answer(self, waiting: asyncio.Task[Any]) -> None:
        """Wait for the result of an instance that was created, and note it."""
        try:
            answer = await waiting
        except grpc.aio.AioRpcError as error:
            self.note(f"result: {error.code().name}")
            return
        self.instance = answer.processInstanceKey
        self.note(f"result of {answer.bpmnProcessId}: {shown(json.loads(answer.variables))}")

    async def result(self, variables: Any = None, *, process: str = "p", fetch: Sequence[str] = ()) -> None:
        """Create an instance that needs nobody, and note its result."""
        await self.answer(self.create_with_result(variables, process=process, fetch=fetch))

    async def cancel(self, instance: int | None = None) -> None:
        key = self.instance if instance is None else instance
        await self.call(
            "cancel", "CancelProcessInstance", pb.CancelProcessInstanceRequest(processInstanceKey=key)
        )

    async def migrate(
        self, definition: int, *mapping: tuple[str, str], instance: int | None = None, process: str = "p"
    ) -> None:
        """Migrate an instance. Process ids of `mapping` are the models' own (`p`, or `process`)."""
        kind = pb.MigrateProcessInstanceRequest
        instructions = [
            kind.MappingInstruction(
                sourceElementId=self._id(old, process), targetElementId=self._id(new, process)
            )
            for old, new in mapping
        ]
        plan = kind.MigrationPlan(targetProcessDefinitionKey=definition, mappingInstructions=instructions)
        key = self.instance if instance is None else instance
        request = kind(processInstanceKey=key, migrationPlan=plan)
        await self.call(f"migrate {mapping}", "MigrateProcessInstance", request)

    def _id(self, element: str, process: str) -> str:
        """A process's id is its scenario's own, an element's is not."""
        return self.name(element) if element == process else element

    async def delete(self, key: int) -> None:
        await self.call("delete", "DeleteResource", pb.DeleteResourceRequest(resourceKey=key))

    async def set(self, scope: int, variables: Any, *, local: bool = False) -> None:
        request = pb.SetVariablesRequest(elementInstanceKey=scope, variables=_json(variables), local=local)
        await self.call("set variables", "SetVariables", request)

    # Jobs

    async def jobs(
        self,
        type_: str,
        count: int = 1,
        *,
        fetch: Sequence[str] = (),
        lease_ms: int = LEASE_MS,
        worker: str = "worker",
        silent: bool = False,
    ) -> list[Job]:
        """Wait for so many jobs of a type. They come in the order of their elements and variables.

        `silent` ones are not noted."""
        taken: dict[int, pb.ActivatedJob] = {}  # a short lease may be over before the last one has come
        end = time.monotonic() + PATIENCE_SECONDS
        while len(taken) < count:
            if time.monotonic() > end:
                raise Unexpected(f"{len(taken)} of {count} jobs of type {type_} came")
            request = self.activation(type_, count - len(taken), fetch, lease_ms, worker, _LONG_POLL_MS)
            taken.update({one.key: one for one in await self._activated(request)})
        jobs = sorted(taken.values(), key=_order)
        return [_job(one, self.suffix) if silent else self._noted(one) for one in jobs]

    async def job(self, type_: str, **options: Any) -> Job:
        """Wait for one job of a type."""
        [job] = await self.jobs(type_, 1, **options)
        return job

    async def open_jobs(self, type_: str) -> list[Job]:
        """All jobs of a type that nobody has completed, also those that back off (they are waited for).

        They come in the order of their elements and variables, and are leased for so short that they
        can be had again at once; none is noted."""

        def count(state: State) -> int:
            return sum(one.state == "OPEN" for one in state.jobs.values())

        return await self.jobs(type_, self.side.read(self.suffix, count), lease_ms=1, silent=True)

    async def waiting_jobs(self, type_: str, most: int = 10, **options: Any) -> list[Job]:
        """The jobs of a type that can be had at once, when everything has come to rest."""
        await self.side.settle(self.suffix)
        request = self.activation(type_, most, (), LEASE_MS, "worker", -1)
        found = [self._noted(one) for one in await self._activated(request)]
        if not found:
            self.note(f"no job {type_}")
        return found

    def activation(
        self,
        type_: str,
        most: int,
        fetch: Sequence[str] = (),
        lease_ms: int = LEASE_MS,
        worker: str = "worker",
        wait_ms: int = -1,
    ) -> pb.ActivateJobsRequest:
        return pb.ActivateJobsRequest(
            type=self.name(type_),
            worker=worker,
            timeout=lease_ms,
            maxJobsToActivate=most,
            fetchVariable=fetch,
            requestTimeout=wait_ms,
        )

    async def _activated(self, request: pb.ActivateJobsRequest) -> list[pb.ActivatedJob]:
        answers = self.side.stub.ActivateJobs(request, timeout=90)
        return [job async for answer in answers for job in answer.jobs]

    async def activate(self, request: pb.ActivateJobsRequest) -> None:
        """Ask for jobs in any way, and note what came of it."""
        try:
            jobs = await self._activated(request)
        except grpc.aio.AioRpcError as error:
            self.note(f"activate: {error.code().name}")
            return
        self.note(f"activate: {len(jobs)} jobs")
        for one in jobs:
            self._noted(one)

    def _noted(self, job: pb.ActivatedJob) -> Job:
        ours = _job(job, self.suffix)
        self.note(
            f"job {self._ordinal(job.key)} {job.type} at {job.elementId} of {job.bpmnProcessId}"
            f" version {job.processDefinitionVersion}, retries {job.retries},"
            f" headers {shown(json.loads(job.customHeaders))}, worker {job.worker},"
            f" variables {shown(ours.variables)}"
        )
        return ours

    async def complete(self, job: Job | int, variables: Any = None) -> None:
        request = pb.CompleteJobRequest(jobKey=_key(job), variables=_json(variables))
        await self.call(f"complete {_title(job)}", "CompleteJob", request)

    async def do(self, type_: str, variables: Any = None, **options: Any) -> Job:
        """Wait for a job and complete it."""
        job = await self.job(type_, **options)
        await self.complete(job, variables)
        return job

    async def fail(self, job: Job | int, retries: int, variables: Any = None, *, backoff_ms: int = 0) -> None:
        request = pb.FailJobRequest(
            jobKey=_key(job),
            retries=retries,
            errorMessage="it failed",
            retryBackOff=backoff_ms,
            variables=_json(variables),
        )
        await self.call(f"fail {_title(job)}", "FailJob", request)

    async def throw(self, job: Job | int, code: str, variables: Any = None) -> None:
        request = pb.ThrowErrorRequest(
            jobKey=_key(job), errorCode=code, errorMessage="thrown", variables=_json(variables)
        )
        await self.call(f"throw {code} at {_title(job)}", "ThrowError", request)

    async def set_retries(self, job: Job | int, retries: int) -> None:
        request = pb.UpdateJobRetriesRequest(jobKey=_key(job), retries=retries)
        await self.call(f"set retries to {retries}", "UpdateJobRetries", request)

    async def set_timeout(self, job: Job | int, milliseconds: int) -> None:
        request = pb.UpdateJobTimeoutRequest(jobKey=_key(job), timeout=milliseconds)
        await self.call("set timeout", "UpdateJobTimeout", request)

    # Messages and signals

    async def publish(
        self, name: str, key: str = "1", variables: Any = None, *, ttl_ms: int = 0, id: str = ""
    ) -> None:
        request = pb.PublishMessageRequest(
            name=self.name(name),
            correlationKey=key,
            timeToLive=ttl_ms,
            messageId=id,
            variables=_json(variables),
        )
        await self.call(f"publish {name}", "PublishMessage", request)

    async def broadcast(self, name: str, variables: Any = None) -> None:
        request = pb.BroadcastSignalRequest(signalName=self.name(name), variables=_json(variables))
        await self.call(f"broadcast {name}", "BroadcastSignal", request)

    # What waits

    async def settle(self) -> None:
        """Wait until nothing happens any more, and note what everything has become."""
        self.note("\n".join(await self.side.settle(self.suffix)))

    async def rest(self) -> None:
        """Wait until nothing happens any more."""
        await self.side.settle(self.suffix)

    async def until(self, what: str, question: Callable[[State], Any]) -> Any:
        """Wait until `question` about the state has an answer that is true."""
        end = time.monotonic() + PATIENCE_SECONDS
        while not (answer := self.side.read(self.suffix, question)):
            if time.monotonic() > end:
                raise Unexpected(f"not within {PATIENCE_SECONDS:.0f} s: {what}")
            await asyncio.sleep(_POLL_SECONDS)
        return answer

    async def incident(self, element: str) -> int:
        """Wait for an incident at an element. Its key."""

        def find(state: State) -> Incident | None:
            return next((one for one in state.incidents.values() if one.element == element), None)

        incident = await self.until(f"an incident at {element}", find)
        self.note(f"incident at {element}: {incident.type}")
        return int(incident.key)

    async def resolve(self, incident: int) -> None:
        await self.call("resolve", "ResolveIncident", pb.ResolveIncidentRequest(incidentKey=incident))

    async def at(self, element: str, count: int = 1) -> int:
        """Wait until so many tokens are at an element. The key of the first."""

        def find(state: State) -> list[int]:
            here = [
                one.key
                for one in state.elements.values()
                if one.element == element and one.state == "ACTIVATED"
            ]
            return here if len(here) >= count else []

        return int(min(await self.until(f"{count} at {element}", find)))

    async def listening(self, message: str, count: int = 1) -> None:
        """Wait until a message is waited for in so many places."""
        name = self.name(message)

        def find(state: State) -> bool:
            return sum(one.name == name for one in state.subscriptions.values()) >= count

        await self.until(f"{count} waiting for message {message}", find)

    async def passed(self, element: str, count: int = 1) -> None:
        """Wait until an element has completed so many times."""

        def find(state: State) -> bool:
            ended = [one for one in state.elements.values() if one.element == element]
            return sum(one.state == "COMPLETED" for one in ended) >= count

        await self.until(f"{count} past {element}", find)

    async def over(self) -> None:
        """Wait until every instance has ended."""
        await self.until("the end", lambda state: bool(state.instances) and state.is_over)


def _json(variables: Any) -> str:
    if variables is None:
        return "{}"
    return variables if isinstance(variables, str) else json.dumps(variables)


def _key(job: Job | int) -> int:
    return job if isinstance(job, int) else job.key


def _order(job: pb.ActivatedJob) -> tuple[str, str, int]:
    return job.elementId, shown(json.loads(job.variables)), job.key


def _title(job: Job | int) -> str:
    return "job" if isinstance(job, int) else job.element


def _job(job: pb.ActivatedJob, suffix: str) -> Job:
    variables = json.loads(job.variables)
    variables.pop("suffix", None)
    return Job(
        key=job.key,
        type=job.type.removesuffix(suffix),
        element=job.elementId,
        element_key=job.elementInstanceKey,
        instance_key=job.processInstanceKey,
        variables=variables,
    )
