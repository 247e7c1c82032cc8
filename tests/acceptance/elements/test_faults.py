"""A command that fails for a reason nobody foresaw stops its own instance only."""

from __future__ import annotations

import pytest

from procession.engine import commands as c
from procession.engine.elements.jobs import JobWork
from procession.engine.graph import Node
from procession.engine.records import ElementInstance
from procession.engine.run import Run
from procession.testing import ProcessTester
from tests.acceptance.elements.test_races import together
from tests.building import bpmn, catch, end, job, message, on_message, start


@pytest.fixture
def bomb(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Element `bomb` has a bug, until it is undone."""
    activate = JobWork.activate

    def explode(self: JobWork, run: Run, element: ElementInstance, node: Node) -> None:
        if node.id == "bomb":
            raise ZeroDivisionError("a bug")
        activate(self, run, element, node)

    monkeypatch.setattr(JobWork, "activate", explode)
    return monkeypatch


WAITING = bpmn(
    start() + catch("wait", on_message("ping")) + job("bomb") + end(),
    "s>wait wait>bomb bomb>e",
    definitions=message("ping"),
)


def test_the_others_of_its_batch_go_on(process: ProcessTester, bomb: pytest.MonkeyPatch) -> None:
    process.deploy(bpmn(start() + job("bomb"), "s>bomb", id="bad"), bpmn(start() + job("t"), "s>t"))
    good, bad, also_good = together(
        process, c.StartInstance("p"), c.StartInstance("bad"), c.StartInstance("p")
    )
    assert isinstance(bad, Exception)
    assert "a bug" in str(bad)
    for started in (good, also_good):
        process.of(started.key).assert_waits_at("t")  # type: ignore[attr-defined]


def test_a_durable_command_waits_as_an_incident_and_runs_when_that_is_resolved(
    process: ProcessTester, bomb: pytest.MonkeyPatch
) -> None:
    # Given a message that leads an instance into a bug
    process.deploy(WAITING)
    process.start("p", {"key": "A"})
    process.publish("ping", "A", {"n": 1})
    # Then the instance stands where it was, with an incident that tells what happened
    process.assert_incident("UNKNOWN")
    assert "a bug" in process.detail.incidents[0].message
    process.assert_waits_at("wait")
    # When the bug is gone and the incident resolved
    bomb.undo()
    process.resolve_incident()
    # Then the message has been received
    process.assert_no_incident()
    process.assert_waits_at("bomb")
    assert process.variables == {"key": "A", "n": 1}
