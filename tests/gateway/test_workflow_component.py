"""The workflow component, the same on a database and on any server of the protocol."""

from __future__ import annotations

import asyncio
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from procession import BpmnError, Incident, Job, NotFound
from procession.workflow import PANICS, TaskHandlerConfig, Workflow, WorkflowTask
from tests.alerting import Collecting
from tests.gateway.servers import kinds
from tests.gateway.workflows import PATIENCE, QUICK, Scene


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "address" in metafunc.fixturenames:
        addresses = kinds(metafunc.config, "database", "procession")
        metafunc.parametrize("address", addresses, indirect=True)


@pytest.fixture
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "database":
        return f"sqlite:///{tmp_path / 'workflow.db'}"
    server = request.getfixturevalue("own_server" if request.param == "procession" else "zeebe")
    return f"grpc://{server.address}"


@pytest.fixture
def scene(address: str, tmp_path: Path) -> Scene:
    return Scene(address, tmp_path)


async def ready(workflow: Workflow) -> None:
    await workflow.wait_until_ready(PATIENCE)


# --- handlers ---------------------------------------------------------------------------------------


async def test_a_handler_takes_the_task_and_adds_to_the_scope(scene: Scene) -> None:
    async def work(task: WorkflowTask) -> dict[str, Any]:
        return {"greeting": f"hello {task.get_scope_variable('userId')}"}

    builder = scene.reporting().with_process(scene.two_tasks()).with_handler(scene.type("work"), work)
    async with builder.run() as workflow:
        await ready(workflow)
        await workflow.start(scene.id, {"userId": "u-1"})
        assert await scene.saw() == {"userId": "u-1", "greeting": "hello u-1"}


async def test_a_task_without_annotation_is_known_by_its_name(scene: Scene) -> None:
    class Greeting:
        async def handle(self, task) -> None:  # type: ignore[no-untyped-def]
            scene.seen.put_nowait((task.job.process_id, task.variables, task.get_scope_variable("b", 7)))

    builder = scene.builder().with_process(scene.one_task())
    builder.with_handler(scene.type("work"), Greeting().handle)
    async with builder.run() as workflow:
        await ready(workflow)
        await workflow.start(scene.id, {"a": 1})
        assert await scene.saw() == (scene.id, {"a": 1}, 7)


async def test_a_handler_takes_variables_by_name_beside_the_task(scene: Scene) -> None:
    async def work(task: WorkflowTask, amount: float, note: str | None) -> None:
        scene.seen.put_nowait((amount, note, task.get_scope_variable("other")))

    builder = scene.builder().with_process(scene.one_task()).with_handler(scene.type("work"), work)
    async with builder.run() as workflow:
        await ready(workflow)
        await workflow.start(scene.id, {"amount": 1.5, "other": "o"})
        assert await scene.saw() == (1.5, None, "o")


async def test_a_handler_takes_a_job_and_variables_as_in_the_app(scene: Scene) -> None:
    async def work(job: Job, order_id: str) -> None:
        scene.seen.put_nowait((job.element_id, order_id))

    builder = scene.builder().with_process(scene.one_task()).with_handler(scene.type("work"), work)
    async with builder.run() as workflow:
        await ready(workflow)
        await workflow.start(scene.id, {"order_id": "A"})
        assert await scene.saw() == ("work", "A")


async def test_plain_functions_run_on_threads(scene: Scene) -> None:
    def work(task: WorkflowTask) -> dict[str, Any]:
        return {"apart": threading.current_thread() is not threading.main_thread()}

    builder = scene.reporting().with_process(scene.two_tasks()).with_handler(scene.type("work"), work)
    async with builder.run() as workflow:
        await ready(workflow)
        await workflow.start(scene.id)
        assert await scene.saw() == {"apart": True}


async def test_no_more_handlers_run_at_once_than_concurrency_allows(scene: Scene) -> None:
    running, most, done = 0, 0, 0

    async def work() -> None:
        nonlocal running, most, done
        running += 1
        most = max(most, running)
        for _ in range(20):  # time enough for the others, did they not have to wait
            await asyncio.sleep(0)
        running -= 1
        done += 1
        scene.seen.put_nowait(done)

    config = TaskHandlerConfig(concurrency=3, max_active_jobs=10)
    builder = scene.builder().with_process(scene.one_task()).with_handler(scene.type("work"), work, config)
    async with builder.run() as workflow:
        await ready(workflow)
        for _ in range(12):
            await workflow.start(scene.id)
        while await scene.saw() < 12:
            pass
    assert most <= 3


# --- errors -----------------------------------------------------------------------------------------


async def test_an_error_brings_the_task_back(scene: Scene) -> None:
    alerts, tries = Collecting(), 0

    async def work() -> dict[str, int]:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise OSError("away")
        return {"tries": tries}

    builder = scene.reporting().with_process(scene.two_tasks()).with_handler(scene.type("work"), work)
    async with builder.with_alerts(alerts).run() as workflow:
        await ready(workflow)
        await workflow.start(scene.id)
        assert (await scene.saw())["tries"] == 3
    assert not alerts.sent


async def test_the_last_error_is_one_incident_and_one_alert(scene: Scene) -> None:
    alerts, tries = Collecting(), 0

    async def work() -> None:
        nonlocal tries
        tries += 1
        raise OSError(f"away {tries}")

    config = TaskHandlerConfig(incident_max_retries=5, retry_timeout=timedelta(0))
    builder = scene.builder().with_process(scene.one_task(retries="2"))
    builder.with_handler(scene.type("work"), work, config).with_alerts(alerts)
    async with builder.run() as workflow:
        await ready(workflow)
        key = (await workflow.start(scene.id)).key
        await alerts.wait_for(1)
    (alert,) = alerts.sent
    assert tries == 5
    assert alert.service == "tests"
    said = alert.data
    assert (said["kind"], alert.message) == ("JOB_NO_RETRIES", "OSError: away 5")
    assert (said["process_id"], said["instance_key"], said["element_id"]) == (scene.id, str(key), "work")
    assert (said["job_type"], said["retries"]) == (scene.type("work"), 0)
    assert said["job_key"] is not None


@pytest.mark.parametrize(
    "error", [Incident("no userId"), AssertionError("no userId"), SystemExit("no userId")]
)
@pytest.mark.parametrize("plain", [False, True], ids=["async", "plain"])
async def test_incidents_and_panics_stop_at_once_and_are_told_once(
    scene: Scene, error: BaseException, plain: bool
) -> None:
    alerts, tries = Collecting(), 0

    def fails() -> None:
        nonlocal tries
        tries += 1
        raise error

    async def fails_later() -> None:
        fails()

    builder = scene.builder().with_process(scene.one_task()).with_alerts(alerts)
    builder.with_handler(scene.type("work"), fails if plain else fails_later)
    async with builder.run() as workflow:
        await ready(workflow)
        await workflow.start(scene.id)
        await workflow.start(scene.id)
        sent = await alerts.wait_for(2)
    assert tries == 2
    assert len({alert.id for alert in sent}) == 2
    assert all("no userId" in alert.message for alert in sent)


async def test_exceptions_marked_fatal_are_incidents(scene: Scene) -> None:
    alerts = Collecting()

    async def work() -> None:
        raise KeyError("what")

    config = TaskHandlerConfig(fatal=(*PANICS, LookupError))
    builder = scene.builder().with_process(scene.one_task()).with_alerts(alerts)
    builder.with_handler(scene.type("work"), work, config)
    async with builder.run() as workflow:
        await ready(workflow)
        await workflow.start(scene.id)
        (alert,) = await alerts.wait_for(1)
    assert alert.message == "KeyError: 'what'"


async def test_a_missing_variable_is_an_incident(scene: Scene) -> None:
    alerts = Collecting()

    async def work(order_id: str) -> None:
        raise AssertionError("never called")

    builder = scene.builder().with_process(scene.one_task()).with_alerts(alerts)
    builder.with_handler(scene.type("work"), work)
    async with builder.run() as workflow:
        await ready(workflow)
        await workflow.start(scene.id)
        (alert,) = await alerts.wait_for(1)
    assert "order_id" in alert.message


async def test_a_failing_channel_does_not_keep_the_others_from_telling(scene: Scene) -> None:
    failing, alerts = Collecting(OSError("down"), OSError("down")), Collecting()

    async def work() -> None:
        raise Incident("stop")

    builder = scene.builder().with_process(scene.one_task()).with_alerts(failing, "log:", alerts)
    builder.with_handler(scene.type("work"), work)
    async with builder.run() as workflow:
        await ready(workflow)
        await workflow.start(scene.id)
        await alerts.wait_for(1)
        assert await failing.wait_for(1) == alerts.sent


# --- events, cancelling, diagrams -------------------------------------------------------------------


async def test_an_event_waits_for_the_process_that_gets_it(scene: Scene) -> None:
    async def work() -> None:
        return None

    builder = scene.reporting().with_process(scene.waiting()).with_handler(scene.type("work"), work)
    async with builder.run() as workflow:
        await ready(workflow)
        await workflow.publish(scene.type("paid"), correlation_key="A", variables={"amount": 5})
        await workflow.start(scene.id, {"ref": "A"})
        assert (await scene.saw())["amount"] == 5


async def test_an_event_without_time_to_live_does_not_wait(scene: Scene) -> None:
    async def work() -> None:
        scene.seen.put_nowait("working")

    config = TaskHandlerConfig(event_ttl=timedelta(0))
    builder = scene.reporting(config).with_process(scene.waiting())
    builder.with_handler(scene.type("work"), work)
    async with builder.run() as workflow:
        await ready(workflow)
        await workflow.publish(scene.type("paid"), correlation_key="A", variables={"amount": 1})
        await workflow.start(scene.id, {"ref": "A"})
        assert await scene.saw() == "working"
        await workflow.publish(
            scene.type("paid"), correlation_key="A", variables={"amount": 2}, ttl=timedelta(hours=1)
        )
        assert (await scene.saw())["amount"] == 2


async def test_a_task_publishes_events(scene: Scene) -> None:
    async def work(task: WorkflowTask) -> None:
        await task.publish(scene.type("paid"), correlation_key="A", variables={"amount": 9})

    builder = scene.reporting().with_process(scene.waiting()).with_handler(scene.type("work"), work)
    async with builder.run() as workflow:
        await ready(workflow)
        await workflow.start(scene.id, {"ref": "A"})
        assert (await scene.saw())["amount"] == 9


async def test_a_cancelled_instance_is_gone(scene: Scene) -> None:
    async with scene.builder().with_process(scene.one_task()).run() as workflow:
        await ready(workflow)
        instance = await workflow.start(scene.id)
        await workflow.cancel(instance.key)
        with pytest.raises(NotFound):
            await workflow.cancel(instance.key)


async def test_a_changed_diagram_becomes_the_next_version(scene: Scene) -> None:
    for expected, path in ((1, scene.one_task), (1, scene.one_task), (2, scene.two_tasks)):
        async with scene.builder().with_process(path()).run() as workflow:
            await ready(workflow)
            assert (await workflow.start(scene.id)).version == expected


async def test_a_thrown_error_that_is_caught_is_no_incident(scene: Scene) -> None:
    from tests.building import boundary, bpmn, end, error, job, on_error, start

    alerts = Collecting()

    async def work() -> None:
        raise BpmnError("no_stock")

    body = start() + job("work", type=scene.type("work")) + end() + job("report", type=scene.type("report"))
    body += boundary("out", "work", on_error("no_stock")) + end("e2")
    flows = "s>work work>e out>report report>e2"
    content = bpmn(body, flows, id=scene.id, definitions=error("no_stock"))
    builder = scene.reporting(QUICK).with_process(scene.file(content)).with_alerts(alerts)
    async with builder.with_handler(scene.type("work"), work).run() as workflow:
        await ready(workflow)
        await workflow.start(scene.id)
        await scene.saw()
    assert not alerts.sent
