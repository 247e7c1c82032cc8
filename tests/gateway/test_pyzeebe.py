"""pyzeebe as its users use it: every method of its client and worker."""

# Annotations are not postponed here: pyzeebe looks for parameters annotated with the class `Job` itself.

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from pyzeebe import (
    Job,
    JobController,
    SyncZeebeClient,
    ZeebeClient,
    ZeebeTaskRouter,
    ZeebeWorker,
    create_insecure_channel,
)
from pyzeebe.errors import (
    MessageAlreadyExistsError,
    ProcessDefinitionHasNoStartEventError,
    ProcessDefinitionNotFoundError,
    ProcessInstanceNotFoundError,
    ProcessInvalidError,
    ProcessTimeoutError,
    UnknownGrpcStatusCodeError,
)

from tests.building import (
    boundary,
    bpmn,
    catch,
    element,
    end,
    error,
    io,
    job,
    message,
    on_error,
    on_message,
    outputs,
    start,
)
from tests.gateway.clients import unique
from tests.gateway.servers import Served

RESULT_MS = 60_000


@pytest.fixture
async def zeebe_client(server: str) -> AsyncIterator[ZeebeClient]:
    channel = create_insecure_channel(grpc_address=server)
    yield ZeebeClient(channel)
    await channel.close()


@pytest.fixture
async def type(zeebe_client: ZeebeClient, tmp_path: Path) -> str:
    """The type of a job, and the id of a process with one; error BAD is caught around it."""
    id = unique("work")
    caught = boundary("caught", "task", on_error("BAD"), io=io(outputs(seen='="caught"')))
    body = start() + job("task", type=id) + caught + end() + end("sorry")
    content = bpmn(body, "s>task task>e caught>sorry", id=id, definitions=error("BAD"))
    await deploy(zeebe_client, tmp_path, content)
    return id


async def deploy(client: ZeebeClient, folder: Path, content: bytes, name: str = "model.bpmn") -> Any:
    path = folder / name
    path.write_bytes(content)
    return await client.deploy_resource(path)


@contextlib.asynccontextmanager
async def working(worker: ZeebeWorker) -> AsyncIterator[None]:
    """The worker works while the block runs."""
    task = asyncio.create_task(worker.work())
    try:
        yield
    finally:
        await worker.stop()
        await task


@pytest.fixture(params=[False, True], ids=["polling", "streaming"])
async def worker(server: str, request: pytest.FixtureRequest) -> AsyncIterator[ZeebeWorker]:
    channel = create_insecure_channel(grpc_address=server)
    yield ZeebeWorker(channel, stream_enabled=request.param)
    await channel.close()


# --- the client -----------------------------------------------------------------------------------


async def test_deploy_resource(zeebe_client: ZeebeClient, tmp_path: Path) -> None:
    id = unique("p")
    answer = await deploy(zeebe_client, tmp_path, bpmn(start() + end(), "s>e", id=id))

    assert [(made.bpmn_process_id, made.version) for made in answer.deployments] == [(id, 1)]


async def test_deploy_resource_refuses_a_faulty_model(zeebe_client: ZeebeClient, tmp_path: Path) -> None:
    with pytest.raises(ProcessInvalidError):
        await deploy(zeebe_client, tmp_path, b"<nothing/>")


async def test_run_process(zeebe_client: ZeebeClient, type: str) -> None:
    answer = await zeebe_client.run_process(type, {"a": 1})

    assert (answer.bpmn_process_id, answer.version) == (type, 1)
    assert answer.process_instance_key > 0


async def test_run_process_that_nobody_deployed(zeebe_client: ZeebeClient) -> None:
    with pytest.raises(ProcessDefinitionNotFoundError):
        await zeebe_client.run_process(unique("unknown"))


async def test_run_process_that_only_messages_start(zeebe_client: ZeebeClient, tmp_path: Path) -> None:
    id = unique("m")
    body = element("startEvent", "s", on_message("m")) + end()
    await deploy(zeebe_client, tmp_path, bpmn(body, "s>e", id=id, definitions=message(id, id="m")))

    with pytest.raises(ProcessDefinitionHasNoStartEventError):
        await zeebe_client.run_process(id)


async def test_run_process_with_result(zeebe_client: ZeebeClient, tmp_path: Path) -> None:
    id = unique("p")
    await deploy(zeebe_client, tmp_path, bpmn(start() + end(), "s>e", id=id))

    answer = await zeebe_client.run_process_with_result(id, {"a": 1, "b": 2}, variables_to_fetch=["b"])

    assert answer.variables == {"b": 2}


async def test_run_process_with_result_in_time(zeebe_client: ZeebeClient, type: str) -> None:
    with pytest.raises(ProcessTimeoutError):
        await zeebe_client.run_process_with_result(type, timeout=200)


async def test_cancel_process_instance(zeebe_client: ZeebeClient, type: str) -> None:
    started = await zeebe_client.run_process(type)

    await zeebe_client.cancel_process_instance(started.process_instance_key)

    with pytest.raises(ProcessInstanceNotFoundError):
        await zeebe_client.cancel_process_instance(started.process_instance_key)


async def test_publish_message(zeebe_client: ZeebeClient, tmp_path: Path) -> None:
    id = unique("paid")
    body = start() + catch("wait", on_message("m")) + end()
    await deploy(
        zeebe_client, tmp_path, bpmn(body, "s>wait wait>e", id=id, definitions=message(id, "=key", id="m"))
    )
    published = await zeebe_client.publish_message(id, "A-1", {"paid": True}, message_id="m-1")

    answer = await zeebe_client.run_process_with_result(id, {"key": "A-1"}, timeout=RESULT_MS)

    assert published.key > 0
    assert answer.variables == {"key": "A-1", "paid": True}
    await zeebe_client.publish_message(id, "A-2", message_id="m-2")
    with pytest.raises(MessageAlreadyExistsError):
        await zeebe_client.publish_message(id, "A-2", message_id="m-2")


async def test_broadcast_signal(zeebe_client: ZeebeClient, tmp_path: Path) -> None:
    assert (await zeebe_client.broadcast_signal(unique("signal"), {"a": 1})).key > 0


async def test_topology(zeebe_client: ZeebeClient) -> None:
    answer = await zeebe_client.topology()

    assert (answer.cluster_size, answer.partitions_count, len(answer.brokers)) == (1, 1, 1)


async def test_healthcheck(zeebe_client: ZeebeClient) -> None:
    assert (await zeebe_client.healthcheck()).status == 1


async def test_evaluate_decision_is_not_there_yet(own_server: Served) -> None:
    channel = create_insecure_channel(grpc_address=own_server.address)
    with pytest.raises(UnknownGrpcStatusCodeError, match="UNIMPLEMENTED"):
        await ZeebeClient(channel).evaluate_decision(None, "decision")
    await channel.close()


@pytest.fixture
def plain_loop() -> Iterator[None]:
    """An event loop for plain code: the sync client wants to find one."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield
    asyncio.set_event_loop(None)
    loop.close()


def test_the_sync_client(server: str, plain_loop: None, tmp_path: Path) -> None:
    id = unique("p")
    path = tmp_path / "model.bpmn"
    path.write_bytes(bpmn(start() + end(), "s>e", id=id))
    channel = create_insecure_channel(grpc_address=server)
    client = SyncZeebeClient(channel)

    client.deploy_resource(path)

    assert client.run_process_with_result(id, {"a": 1}).variables == {"a": 1}
    asyncio.get_event_loop().run_until_complete(channel.close())


# --- the worker -----------------------------------------------------------------------------------


async def run(client: ZeebeClient, id: str, **variables: Any) -> dict[str, Any]:
    """Start an instance and wait for its variables."""
    return dict((await client.run_process_with_result(id, variables, timeout=RESULT_MS)).variables)


async def test_a_task_completes_jobs(zeebe_client: ZeebeClient, worker: ZeebeWorker, type: str) -> None:
    @worker.task(task_type=type)
    async def work(x: int) -> dict[str, int]:
        return {"y": x + 1}

    async with working(worker):
        assert await run(zeebe_client, type, x=1) == {"x": 1, "y": 2}


async def test_a_plain_task_with_a_single_value(
    zeebe_client: ZeebeClient, worker: ZeebeWorker, type: str
) -> None:
    @worker.task(task_type=type, single_value=True, variable_name="y")
    def work(x: int) -> int:
        return x * 2

    async with working(worker):
        assert await run(zeebe_client, type, x=4) == {"x": 4, "y": 8}


async def test_many_jobs_at_once(zeebe_client: ZeebeClient, worker: ZeebeWorker, type: str) -> None:
    @worker.task(task_type=type, max_jobs_to_activate=8, max_running_jobs=16)
    async def work(x: int) -> dict[str, int]:
        return {"y": -x}

    async with working(worker):
        results = await asyncio.gather(*(run(zeebe_client, type, x=number) for number in range(50)))

    assert [result["y"] for result in results] == [-number for number in range(50)]


async def test_a_task_that_raises_is_tried_again(
    zeebe_client: ZeebeClient, worker: ZeebeWorker, type: str
) -> None:
    retries = []

    @worker.task(task_type=type)
    async def work(job: Job) -> dict[str, bool]:
        retries.append(job.retries)
        if len(retries) < 3:
            raise RuntimeError("not yet")
        return {"done": True}

    async with working(worker):
        assert await run(zeebe_client, type) == {"done": True}
    assert retries == [3, 2, 1]


async def test_a_task_throws_an_error(zeebe_client: ZeebeClient, worker: ZeebeWorker, type: str) -> None:
    async def throw(error: Exception, job: Job, controller: JobController) -> None:
        await controller.set_error_status("wrong", "BAD")

    @worker.task(task_type=type, exception_handler=throw)
    async def work() -> None:
        raise ValueError

    async with working(worker):
        assert await run(zeebe_client, type) == {"seen": "caught"}


async def test_a_task_fails_with_a_backoff_and_variables(
    zeebe_client: ZeebeClient, worker: ZeebeWorker, type: str
) -> None:
    async def fail(error: Exception, job: Job, controller: JobController) -> None:
        await controller.set_failure_status("later", retry_back_off_ms=200, variables={"tried": True})

    @worker.task(task_type=type, exception_handler=fail)
    async def work(job: Job) -> dict[str, bool]:
        if "tried" not in job.variables:
            raise ValueError
        return {"done": True}

    async with working(worker):
        assert await run(zeebe_client, type) == {"done": True}


async def test_a_task_sees_what_it_asked_for_and_where_it_is(
    zeebe_client: ZeebeClient, worker: ZeebeWorker, type: str
) -> None:
    seen = []

    @worker.task(task_type=type, variables_to_fetch=["a"], timeout_ms=30_000)
    async def work(job: Job, a: int) -> None:
        seen.append((job.variables, job.bpmn_process_id, job.element_id, job.type, job.custom_headers))

    async with working(worker):
        await run(zeebe_client, type, a=1, b=2)
    assert seen == [({"a": 1}, type, "task", type, {})]


async def test_decorators_run_around_a_task(
    zeebe_client: ZeebeClient, worker: ZeebeWorker, type: str
) -> None:
    said = []

    async def before(job: Job) -> Job:
        said.append("before")
        return job

    async def after(job: Job) -> Job:
        said.append("after")
        return job

    worker.before(before)
    worker.after(after)

    @worker.task(task_type=type)
    async def work() -> None:
        said.append("work")

    async with working(worker):
        await run(zeebe_client, type)
    assert said == ["before", "work", "after"]


async def test_tasks_of_a_router(zeebe_client: ZeebeClient, worker: ZeebeWorker, type: str) -> None:
    router = ZeebeTaskRouter()

    @router.task(task_type=type)
    async def work() -> dict[str, str]:
        return {"by": "router"}

    worker.include_router(router)
    async with working(worker):
        assert await run(zeebe_client, type) == {"by": "router"}


async def test_the_worker_checks_the_health(worker: ZeebeWorker) -> None:
    assert (await worker.healthcheck()).status == 1
