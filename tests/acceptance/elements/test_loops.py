"""Loops in the flow, those that never wait included: bounded transactions, and nobody starves."""

import time
from datetime import timedelta

from procession.testing import ProcessTester
from tests.building import bpmn, connect, element, end, flow, gateway, job, script, start

ENDLESS = bpmn(start() + gateway("exclusive", "m") + element("task", "t"), "s>m m>t t>m", id="endless")


def test_a_loop_goes_on_until_its_condition_says_otherwise(process: ProcessTester) -> None:
    body = start() + gateway("exclusive", "m") + job("t") + gateway("exclusive", "g", default="g_e") + end()
    process.deploy(bpmn(body + connect("s>m m>t t>g g>e") + flow("g", "m", "again")))
    process.start("p")
    process.complete_job("t", {"again": True})
    process.complete_job("t", {"again": True})
    process.complete_job("t", {"again": False})
    process.assert_completed()
    assert [step.element_id for step in process.detail.path].count("t") == 3


def test_a_long_loop_that_never_waits_runs_to_its_end(process: ProcessTester) -> None:
    # Given a loop of far more transitions than one transaction has room for
    body = start() + gateway("exclusive", "m") + script("t", "n + 1", "n")
    body += gateway("exclusive", "g", default="g_e") + end()
    process.deploy(bpmn(body + connect("s>m m>t t>g g>e") + flow("g", "m", "n < 1500")))
    process.start("p", {"n": 0})
    process.assert_completed()
    assert process.variables == {"n": 1500}


def test_other_instances_go_on_while_one_never_waits(process: ProcessTester) -> None:
    # Given an instance that goes round for ever
    process.deploy(ENDLESS)
    process.deploy(bpmn(start() + element("task", "t") + end(), "s>t t>e"))
    endless = process.app.start("endless")
    # When others are started
    began = time.monotonic()
    results = [process.app.start("p", {"n": n}).result(timedelta(seconds=20)) for n in range(5)]
    # Then they complete meanwhile
    assert results == [{"n": n} for n in range(5)]
    assert time.monotonic() - began < 10
    assert process.app.instance(endless.key).info.state == "ACTIVE"
    process.app.cancel(endless.key)


def test_an_instance_that_never_waits_can_be_cancelled(process: ProcessTester) -> None:
    process.deploy(ENDLESS)
    endless = process.app.start("endless")
    process.app.cancel(endless.key)
    process.of(endless).assert_terminated()
