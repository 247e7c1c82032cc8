"""A process from its deployment to its end, by the command line alone."""

from __future__ import annotations

import signal
from datetime import datetime, timedelta

from tests.acceptance.cli.conftest import Shell


def test_a_process_runs_to_its_end_with_a_worker(shell: Shell) -> None:
    # Given a deployed process and a worker for its job
    (definition,) = shell.ask("deploy", "greeting.bpmn")["definitions"]
    assert (definition["process_id"], definition["version"]) == ("greeting", 1)
    worker = shell.begin("worker", "work:app")

    # When an instance is started and awaited
    variables = ("--variables", '{"who": "World", "total": 1.0}')
    started = shell.ask("start", "greeting", *variables, "--business-key", "A-1", "--wait", "30")

    # Then its result has come, with numbers as they were given
    assert started["state"] == "COMPLETED"
    assert started["variables"] == {"who": "World", "greeting": "Hello World", "total": 1.0}
    assert '"total": 1.0' in shell.run("instance", "show", str(started["key"]), "--format", "json").out

    # and the list tells what there is to know of it
    (listed,) = shell.ask("instance", "list", "--state", "completed", "--limit", "5")
    assert listed["key"] == started["key"]
    assert (listed["process_id"], listed["version"], listed["business_key"]) == ("greeting", 1, "A-1")
    assert datetime.fromisoformat(listed["ended_at"]).utcoffset() == timedelta(0)
    assert listed["started_at"].endswith("Z")

    # and the worker stops when told to
    assert worker.stop(signal.SIGTERM).code == 0


def test_an_instance_shows_its_path_and_why_it_waits_until_a_message_comes(deployed: Shell) -> None:
    # Given an instance that waits for a message
    key = deployed.ask("start", "payment", "--variables", '{"order_id": "A-1"}')["key"]

    # Then showing it tells so, to people
    shown = deployed.run("instance", "show", str(key)).out
    assert "intermediateCatchEvent" in shown
    assert "message paid with correlation key A-1" in shown
    assert 'order_id   "A-1"' in shown

    # When the message is published while a node runs
    node = deployed.begin("up")
    deployed.ask(
        "publish", "paid", "--correlation-key", "A-1", "--variables", '{"paid": true}', "--ttl", "1h"
    )

    # Then the instance ends with the message's variables, and the node stops when told to
    detail = deployed.ended(key)
    assert [step["element_id"] for step in detail["path"]] == ["s", "wait", "e"]
    assert (detail["info"]["state"], detail["waiting"]) == ("COMPLETED", [])
    assert detail["variables"] == {"order_id": "A-1", "paid": True}
    assert node.stop(signal.SIGINT).code == 0


def test_an_incident_is_listed_and_resolved(deployed: Shell) -> None:
    # Given a job whose worker gave up
    worker = deployed.begin("worker", "work:app")
    late = deployed.run("start", "greeting", "--variables", '{"who": "nobody"}', "--wait", "2")
    assert worker.stop().code == 0
    assert (late.code, "has not ended within" in late.err) == (1, True)
    assert "Started: instance" in late.out

    # Then its incident says why
    (incident,) = deployed.ask("incident", "list")
    assert (incident["type"], incident["message"]) == ("JOB_NO_RETRIES", "there is nobody to greet")
    assert deployed.ask("status")["open_incidents"] == 1

    # And resolving it takes retries for the job
    key = str(incident["key"])
    without = deployed.run("incident", "resolve", key)
    assert (without.code, "retries" in without.err) == (3, True)
    assert deployed.ask("incident", "resolve", key, "--retries", "1") == {"key": int(key), "resolved": True}
    assert deployed.ask("incident", "list") == []
    (jobs,) = deployed.ask("status")["jobs"]
    assert (jobs["type"], jobs["activatable"], jobs["failed"]) == ("greet", 1, 0)


def test_starting_twice_with_an_idempotency_key_starts_once(deployed: Shell) -> None:
    first = deployed.ask("start", "greeting", "--idempotency-key", "shop/1")
    second = deployed.ask("start", "greeting", "--idempotency-key", "shop/1")

    assert (first["created"], second["created"]) == (True, False)
    assert first["key"] == second["key"]


def test_a_cancelled_instance_is_terminated_and_cannot_be_cancelled_again(deployed: Shell) -> None:
    key = str(deployed.ask("start", "greeting")["key"])

    assert deployed.run("instance", "cancel", key).out == f"Cancelled: instance {key}\n"

    (listed,) = deployed.ask("instance", "list")
    assert listed["state"] == "TERMINATED"
    again = deployed.run("instance", "cancel", key)
    assert (again.code, key in again.err) == (3, True)


def test_a_node_makes_the_database_and_tells_how_to_connect(shell: Shell) -> None:
    node = shell.begin("up", "--db", "sqlite:///fresh.db")
    answer = node.stop(signal.SIGINT)

    assert answer.code == 0
    assert f"sqlite:///{shell.folder}/fresh.db" in answer.out
    assert answer.out.endswith("Stopped.\n")
    assert (shell.folder / "fresh.db").exists()


def test_variables_come_from_a_file_and_the_database_from_the_environment(shell: Shell) -> None:
    shell.write("order.json", '{"who": "Ana"}')
    url = "sqlite:///elsewhere.db"
    assert shell.run("deploy", "greeting.bpmn", PROCESSION_DB=url).code == 0

    started = shell.run(
        "start", "greeting", "--variables", "@order.json", "--format", "json", PROCESSION_DB=url
    )

    shown = shell.run("instance", "show", str(started.json["key"]), "--db", url, "--format", "json")
    assert shown.json["variables"] == {"who": "Ana"}
    assert not (shell.folder / "procession.db").exists()
