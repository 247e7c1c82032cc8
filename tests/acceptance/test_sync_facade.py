"""The app without `await`: the same calls from plain code."""

from datetime import timedelta
from pathlib import Path

import pytest

from procession import Aborted, DeadlineExceeded, NotFound, NotReady, Procession
from procession.client.sync import SyncProcession
from tests.building import bpmn, catch, end, job, message, on_message, start

ONE_TASK = bpmn(start() + job("t") + end(), "s>t t>e")
WAITING = bpmn(
    start() + catch("w", on_message("ping")) + end(), "s>w w>e", id="waiting", definitions=message("ping")
)
SOON = timedelta(seconds=10)


@pytest.fixture
def app(tmp_path: Path) -> Procession:
    app = Procession(f"sqlite:///{tmp_path}/test.db", grace=timedelta(0))
    for model, name in ((ONE_TASK, "one.bpmn"), (WAITING, "waiting.bpmn")):
        (tmp_path / name).write_bytes(model)
        app.deploy(tmp_path / name)
    return app


def test_a_plain_program_starts_works_and_gets_the_result(app: Procession) -> None:
    @app.task("t")
    def double(n: int) -> dict[str, int]:
        return {"double": n * 2}

    with app.sync() as running:
        instance = running.start("p", {"n": 21}, business_key="A-1")
        assert instance.result(SOON) == {"n": 21, "double": 42}
        assert running.instance(instance.key).info.business_key == "A-1"
        assert running.count_instances("p")["COMPLETED"] == 1


def test_messages_incidents_and_cancelling_work_alike(app: Procession) -> None:
    with app.sync() as running:
        instance = running.start("waiting", {"key": "A"})
        running.publish("ping", correlation_key="A", variables={"n": 1})
        assert instance.result(SOON) == {"key": "A", "n": 1}
        other = running.start("waiting", {})
        (incident,) = running.incidents(instance_key=other.key)
        running.set_variables(other.key, {"key": "B"})
        running.resolve_incident(incident.key)
        running.cancel(other.key)
        with pytest.raises(Aborted):
            other.result(SOON)


def test_waiting_too_long_says_so_and_the_instance_goes_on(app: Procession) -> None:
    with app.sync() as running:
        instance = running.start("waiting", {"key": "A"})
        with pytest.raises(DeadlineExceeded, match="goes on"):
            instance.result(timedelta(milliseconds=20))
        assert running.instance(instance.key).info.state == "ACTIVE"


def test_outside_its_context_it_is_not_ready(app: Procession) -> None:
    facade = app.sync()
    with pytest.raises(NotReady):
        facade.start("p")
    with facade:
        facade.start("p")
    with pytest.raises(NotReady):
        facade.start("p")


def test_errors_are_those_of_the_app(app: Procession) -> None:
    with app.sync() as running, pytest.raises(NotFound, match="nowhere"):
        running.start("nowhere")


def test_it_offers_every_call_of_the_app() -> None:
    own = {"task", "on_incident", "tasks", "deploy", "sync", "extend", "extension", "url", "serve", "grace"}
    calls = {name for name in vars(Procession) if not name.startswith("_")} - own
    assert calls <= set(vars(SyncProcession))


def test_it_can_be_entered_again_on_the_same_database(app: Procession) -> None:
    with app.sync() as running:
        instance = running.start("waiting", {"key": "A"})
    with app.sync() as running:
        running.publish("ping", correlation_key="A")
        assert instance.key in [found.key for found in running.instances(process_id="waiting")]
