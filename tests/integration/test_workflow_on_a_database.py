"""The workflow component on a database of its own: connecting, several nodes, incidents of the engine."""

from __future__ import annotations

import shlex
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from procession import DeadlineExceeded, DeploymentRejected, Incident, InvalidInput, NotReady, WrongState
from procession.cli.program import app as cli
from procession.workflow import TaskHandlerConfig, WorkflowBuilder
from tests.alerting import Collecting
from tests.building import bpmn, end, flow, gateway, job, start
from tests.gateway.workflows import PATIENCE, Scene

INSTANT = timedelta(0)


@pytest.fixture
def scene(url: str, tmp_path: Path) -> Scene:
    return Scene(url, tmp_path)


async def stop() -> None:
    raise Incident("stop")


# --- connecting -------------------------------------------------------------------------------------


async def test_a_database_that_is_away_keeps_nobody_from_starting(tmp_path: Path) -> None:
    scene = Scene(f"sqlite:///{tmp_path / 'later' / 'w.db'}", tmp_path)
    async with scene.reporting().with_process(scene.two_tasks()).run() as workflow:
        assert not workflow.ready
        with pytest.raises(NotReady, match=r"not connected to sqlite.*keeps trying"):
            await workflow.start(scene.id)
        with pytest.raises(DeadlineExceeded, match="not ready after"):
            await workflow.wait_until_ready(timedelta(milliseconds=100))

        (tmp_path / "later").mkdir()
        await workflow.wait_until_ready(PATIENCE)
        assert workflow.ready
        await workflow.start(scene.id)


async def test_it_can_be_closed_before_it_was_ever_connected(tmp_path: Path) -> None:
    scene = Scene(f"sqlite:///{tmp_path / 'never' / 'w.db'}", tmp_path)
    workflow = scene.builder().run()
    await workflow.close()
    await workflow.close()
    with pytest.raises(NotReady, match="closed"):
        await workflow.publish("paid")
    with pytest.raises(NotReady, match="closed"):
        await workflow.wait_until_ready(PATIENCE)


async def test_an_address_of_no_server_is_given_up(tmp_path: Path) -> None:
    async with WorkflowBuilder("tests", "mysql://me:hush@host/db").run() as workflow:
        with pytest.raises(InvalidInput):
            await workflow.wait_until_ready(PATIENCE)
        with pytest.raises(NotReady, match="cannot run on") as refused:
            await workflow.start("p")
    assert "hush" not in str(refused.value)


async def test_a_faulty_diagram_is_refused_at_once(scene: Scene) -> None:
    with pytest.raises(DeploymentRejected):
        scene.builder().with_process(scene.file(b"<definitions/>"))


async def test_a_builder_makes_one_component(scene: Scene) -> None:
    builder = scene.builder()
    async with builder.run():
        with pytest.raises(WrongState):
            builder.run()


def test_run_without_an_event_loop_names_the_other_way(scene: Scene) -> None:
    with pytest.raises(WrongState, match="run_sync"):
        scene.builder().run()


def test_plain_code(scene: Scene) -> None:
    done: list[Any] = []
    finished = threading.Event()

    def work(ref: str) -> None:
        done.append(ref)

    def report() -> None:
        finished.set()

    builder = scene.builder().with_process(scene.waiting())
    builder.with_handler(scene.type("work"), work).with_handler(scene.type("report"), report)
    with builder.run_sync() as workflow:
        workflow.wait_until_ready(PATIENCE)
        assert workflow.ready
        key = workflow.start(scene.id, {"ref": "A"})
        workflow.publish(scene.type("paid"), correlation_key="A")
        assert finished.wait(PATIENCE.total_seconds())
        workflow.cancel(workflow.start(scene.id, {"ref": "B"}))
    assert key > 0
    assert "A" in done
    with pytest.raises(NotReady):
        workflow.start(scene.id)


# --- incidents --------------------------------------------------------------------------------------


async def test_an_expression_that_cannot_be_evaluated_is_told(scene: Scene) -> None:
    alerts = Collecting()
    body = start() + gateway("exclusive", "choose") + end() + end("few")
    body += flow("choose", "e", "amount > 5") + flow("choose", "few", "amount < 3")
    content = bpmn(body, "s>choose", id=scene.id)
    async with scene.builder().with_process(scene.file(content)).with_alerts(alerts).run() as workflow:
        await workflow.wait_until_ready(PATIENCE)
        key = (await workflow.start(scene.id)).key
        (alert,) = await alerts.wait_for(1)
    assert (alert.data["process_id"], alert.data["instance_key"]) == (scene.id, str(key))
    assert (alert.data["element_id"], alert.data["job_key"]) == ("choose", None)


async def test_an_error_nobody_catches_is_told(scene: Scene) -> None:
    from procession import BpmnError

    alerts = Collecting()

    async def work() -> None:
        raise BpmnError("no_stock")

    builder = scene.builder().with_process(scene.one_task()).with_alerts(alerts)
    async with builder.with_handler(scene.type("work"), work).run() as workflow:
        await workflow.wait_until_ready(PATIENCE)
        await workflow.start(scene.id)
        (alert,) = await alerts.wait_for(1)
    assert alert.data["kind"] == "UNHANDLED_ERROR_EVENT"


async def test_the_command_in_the_alert_resolves_the_incident(scene: Scene) -> None:
    alerts, broken = Collecting(), True

    async def work() -> dict[str, bool]:
        if broken:
            raise Incident("mend me")
        return {"mended": True}

    def builder() -> WorkflowBuilder:
        made = scene.reporting().with_process(scene.two_tasks()).with_alerts(alerts)
        return made.with_handler(scene.type("work"), work)

    async with builder().run() as workflow:
        await workflow.wait_until_ready(PATIENCE)
        await workflow.start(scene.id)
        (alert,) = await alerts.wait_for(1)
    program, *arguments = shlex.split(alert.next_step.partition(": ")[2])
    broken = False
    outcome: list[Any] = []
    runner = threading.Thread(target=lambda: outcome.append(CliRunner().invoke(cli, arguments)))
    runner.start()
    runner.join()
    assert program == "procession"
    assert outcome[0].exit_code == 0, outcome[0].output
    async with builder().run() as workflow:
        assert await scene.saw() == {"mended": True}


async def test_a_resolved_incident_that_comes_again_is_told_again(scene: Scene) -> None:
    alerts = Collecting()
    builder = scene.builder().with_process(scene.one_task()).with_alerts(alerts)
    async with builder.with_handler(scene.type("work"), stop).run() as workflow:
        await workflow.wait_until_ready(PATIENCE)
        await workflow.start(scene.id)
        (first,) = await alerts.wait_for(1)
        assert first.data["incident_key"] is not None
        await workflow.app.resolve_incident(int(first.data["incident_key"]), 1)
        first, second = await alerts.wait_for(2)
    assert first.id != second.id


async def test_of_several_nodes_one_tells(scene: Scene) -> None:
    """Each handler fails twice before the incident, on whichever node gets it."""
    alerts = Collecting()

    async def work() -> None:
        raise OSError("away")

    def builder() -> WorkflowBuilder:
        config = TaskHandlerConfig(incident_max_retries=3, retry_timeout=INSTANT)
        made = scene.builder().with_process(scene.one_task()).with_alerts(alerts)
        return made.with_handler(scene.type("work"), work, config)

    async with builder().run() as one, builder().run() as other:
        await one.wait_until_ready(PATIENCE)
        await other.wait_until_ready(PATIENCE)
        keys = {(await node.start(scene.id)).key for node in (one, other) * 10}
        await alerts.wait_for(20)
        open_incidents = {incident.key for incident in await one.app.incidents(process_id=scene.id)}
    assert sorted(int(alert.data["instance_key"]) for alert in alerts.sent) == sorted(keys)
    assert {int(alert.data["incident_key"]) for alert in alerts.sent} == open_incidents


async def test_nothing_is_told_again_after_a_restart(scene: Scene) -> None:
    alerts = Collecting()

    def builder() -> WorkflowBuilder:
        made = scene.builder().with_process(scene.one_task()).with_alerts(alerts)
        return made.with_handler(scene.type("work"), stop)

    for expected in (1, 2):
        async with builder().run() as workflow:
            await workflow.wait_until_ready(PATIENCE)
            await workflow.start(scene.id)
            await alerts.wait_for(expected)
    assert len({alert.data["instance_key"] for alert in alerts.sent}) == len(alerts.sent) == 2


async def test_one_listener_hears_of_incidents_of_jobs_leased_ahead(scene: Scene) -> None:
    """Jobs that wait for a slot are kept, and all are handled."""
    alerts = Collecting()
    config = TaskHandlerConfig(concurrency=1, max_active_jobs=10)
    body = start() + job("work", type=scene.type("work")) + end()
    builder = scene.builder().with_process(scene.file(bpmn(body, "s>work work>e", id=scene.id)))
    builder.with_handler(scene.type("work"), stop, config).with_alerts(alerts)
    async with builder.run() as workflow:
        await workflow.wait_until_ready(PATIENCE)
        keys = {(await workflow.start(scene.id)).key for _ in range(25)}
        await alerts.wait_for(25)
    assert {int(alert.data["instance_key"]) for alert in alerts.sent} == keys
