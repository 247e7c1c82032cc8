"""The component while its server is away, comes, and comes back."""

from __future__ import annotations

import signal
import socket
from datetime import timedelta
from pathlib import Path

import pytest

from procession import Incident, InvalidInput, NotReady
from procession.workflow import WorkflowBuilder
from tests.alerting import Collecting
from tests.gateway.servers import Served, database, serving
from tests.gateway.workflows import PATIENCE, Scene


@pytest.fixture
def port() -> int:
    """One that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        found: int = free.getsockname()[1]
        return found


@pytest.fixture
def scene(port: int, tmp_path: Path) -> Scene:
    return Scene(f"grpc://127.0.0.1:{port}", tmp_path)


async def test_a_server_that_comes_later_gets_the_diagrams_and_the_calls(
    scene: Scene, port: int, tmp_path: Path
) -> None:
    async with scene.reporting().with_process(scene.two_tasks()).run() as workflow:
        assert not workflow.ready
        with pytest.raises(NotReady, match="keeps trying"):
            await workflow.start(scene.id)
        with serving(database(tmp_path), address=str(port)):
            await workflow.wait_until_ready(PATIENCE)
            assert (await workflow.start(scene.id)).version == 1
            await workflow.close()


async def test_a_component_whose_server_never_came_can_be_closed(scene: Scene) -> None:
    workflow = scene.builder().run()
    await workflow.close()
    with pytest.raises(NotReady, match="closed"):
        await workflow.start(scene.id)


async def test_what_the_server_refuses_is_given_up(scene: Scene, port: int, tmp_path: Path) -> None:
    faulty = scene.file(b"<definitions/>")
    with serving(database(tmp_path), address=str(port)):
        async with scene.builder().with_process(faulty).run() as workflow:
            with pytest.raises(InvalidInput):
                await workflow.wait_until_ready(PATIENCE)
            with pytest.raises(NotReady, match="cannot run"):
                await workflow.start(scene.id)


async def test_it_goes_on_when_the_server_was_killed_and_came_back(
    scene: Scene, port: int, tmp_path: Path
) -> None:
    alerts = Collecting()

    async def work(fails: bool) -> None:
        if fails:
            raise Incident("stop")

    builder = scene.reporting().with_process(scene.two_tasks()).with_alerts(alerts)
    server = Served(database(tmp_path), address=str(port))
    try:
        async with builder.with_handler(scene.type("work"), work).run() as workflow:
            await workflow.wait_until_ready(PATIENCE)
            await workflow.start(scene.id, {"fails": False, "turn": 1})
            assert (await scene.saw())["turn"] == 1
            await workflow.start(scene.id, {"fails": True})
            await alerts.wait_for(1)

            server.stop(signal.SIGKILL)
            server = Served(database(tmp_path), address=str(port))
            await workflow.wait_until_ready(PATIENCE)
            await workflow.start(scene.id, {"fails": False, "turn": 2})
            assert (await scene.saw())["turn"] == 2
            await workflow.start(scene.id, {"fails": True})
            await alerts.wait_for(2)
    finally:
        server.end()
    assert len({alert.data["instance_key"] for alert in alerts.sent}) == len(alerts.sent) == 2


def test_credentials_are_given_once() -> None:
    from procession.client.credentials import BearerCredentials

    with pytest.raises(InvalidInput, match="not both"):
        WorkflowBuilder("s", "grpc://h", "demo", "demo", credentials=BearerCredentials("t"))


async def test_credentials_are_not_for_databases(tmp_path: Path) -> None:
    async with WorkflowBuilder("s", database(tmp_path), "demo", "demo").run() as workflow:
        with pytest.raises(InvalidInput, match="credentials"):
            await workflow.wait_until_ready(timedelta(minutes=1))
