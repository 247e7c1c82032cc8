"""Versions of processes by the command line: listing and deleting them, and starting inside one."""

from __future__ import annotations

from datetime import datetime

from tests.acceptance.cli.conftest import GREETING, Shell


def test_a_version_is_listed_deleted_and_no_longer_started(deployed: Shell) -> None:
    # Given two versions of a process
    deployed.write("greeting.bpmn", GREETING + b"<!-- two -->")
    (second,) = deployed.ask("deploy", "greeting.bpmn")["definitions"]
    listed = deployed.ask("definition", "list", "--process", "greeting")
    assert [(d["version"], d["deleted_at"]) for d in listed] == [(2, None), (1, None)]

    # When the latest is deleted
    key = str(second["key"])
    assert deployed.ask("definition", "delete", key, "--yes") == {"key": second["key"], "deleted": True}

    # Then the one before is the latest
    assert deployed.ask("start", "greeting")["version"] == 1
    assert [d["version"] for d in deployed.ask("definition", "list", "--process", "greeting")] == [1]

    # and what was deleted is listed on request
    gone, _ = deployed.ask("definition", "list", "--process", "greeting", "--deleted")
    assert datetime.fromisoformat(gone["deleted_at"]) >= datetime.fromisoformat(gone["deployed_at"])

    # and a second time there is nothing to delete
    again = deployed.run("definition", "delete", key, "--yes")
    assert (again.code, again.err) == (3, f"procession: there is no process definition with key {key}\n")


def test_nothing_is_deleted_without_a_yes(deployed: Shell) -> None:
    listed = deployed.ask("definition", "list")
    refused = deployed.run("definition", "delete", str(listed[0]["key"]))
    assert refused.code == 1
    assert "for ever?" in refused.err
    assert deployed.ask("definition", "list") == listed


def test_a_version_with_running_instances_is_kept(deployed: Shell) -> None:
    deployed.ask("start", "greeting")
    (listed,) = deployed.ask("definition", "list", "--process", "greeting")
    refused = deployed.run("definition", "delete", str(listed["key"]), "--yes")
    assert refused.code == 1
    assert "has running instances" in refused.err


def test_an_instance_may_begin_inside(deployed: Shell) -> None:
    started = deployed.ask("start", "greeting", "--at", "e", "--at", "greet")
    shown = deployed.ask("instance", "show", str(started["key"]))
    assert sorted(step["element_id"] for step in shown["path"]) == ["e", "greet"]
    refused = deployed.run("start", "greeting", "--at", "s")
    assert (refused.code, "start event" in refused.err) == (2, True)
