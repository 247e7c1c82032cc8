"""`procession commands`, as operators use it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from procession.operations.commands import Commands
from tests.acceptance.cli.conftest import Shell

JOBS = """
import sys
from procession.operations.commands import Commands, held_lock

commands = Commands("sqlite:///procession.db", service="shop")


@commands.command("Get Orders")
def get_orders() -> None:
    print("works", flush=True)
    while not held_lock().should_stop():
        pass


@commands.command("Import Invoices", instances=["service1", "service2"])
def import_invoices(instance: str) -> None:
    raise RuntimeError(f"{instance} is away")


if __name__ == "__main__":
    get_orders()
"""


@pytest.fixture
def shop(deployed: Shell) -> Shell:
    """A folder with an application that has registered its commands."""
    deployed.write("jobs.py", JOBS)
    assert deployed.run("commands", "status", "--app", "jobs:commands").code == 0
    return deployed


@pytest.fixture
def commands(shop: Shell) -> Iterator[Commands]:
    """The same in this process."""
    with Commands(f"sqlite:///{shop.folder / 'procession.db'}", locks=shop.folder / "storage/locks") as made:
        yield made


def statuses(shop: Shell) -> dict[str, Any]:
    answer = shop.run("commands", "status", "--format", "json")
    return {one["key"]: one for one in json.loads(answer.out)}


def test_the_database_knows_what_was_registered(shop: Shell) -> None:
    found = statuses(shop)

    assert [(one["label"], one["status"]) for one in found.values()] == [
        ("Get Orders", "Idle"),
        ("Import Invoices (service1)", "Idle"),
        ("Import Invoices (service2)", "Idle"),
        ("Process Manager", "Idle"),
    ]
    assert found["get-orders"].keys() >= {
        "key",
        "label",
        "status",
        "last_start",
        "last_duration",
        "last_error",
    }


def test_a_table_for_people(shop: Shell) -> None:
    answer = shop.run("commands", "status")

    assert answer.code == 0
    assert "last duration" in answer.out
    assert "Import Invoices (service1)" in answer.out


def test_an_error_makes_the_exit_code_1(shop: Shell) -> None:
    failing = "import jobs; jobs.import_invoices('service1')"
    assert shop.python(failing).code != 0

    answer = shop.run("commands", "status", "--app", "jobs:commands")

    assert answer.code == 1
    assert "RuntimeError: service1 is away" in answer.out
    assert statuses(shop)["import-invoices-service1"]["status"] == "ERROR"


def test_the_safe_stop(shop: Shell) -> None:
    # Given a command that works
    working = shop.begin_python("jobs.py")
    assert working.first_line == "works\n"
    assert statuses(shop)["get-orders"]["status"] == "Working"
    # When all are disabled, and waited for
    assert shop.run("commands", "disable", "--all", "--reason", "upgrade", "--actor", "anna").code == 0
    waited = shop.run("commands", "wait", "--idle", "--timeout", "600")
    # Then nothing works, and nothing can be started
    assert waited.code == 0, waited.err
    assert {one["status"] for one in statuses(shop).values()} == {"DISABLED"}
    assert "disabled by anna (database): upgrade" in waited.out
    assert working.ended().code == 0
    refused = shop.python("import jobs; jobs.get_orders()")
    assert "get-orders is disabled by anna (database): upgrade" in refused.err
    # And afterwards all go on
    assert "Enabled: all-commands" in shop.run("commands", "enable", "--all").out
    assert {one["status"] for one in statuses(shop).values()} == {"Idle"}


def test_the_safe_stop_by_hand(shop: Shell) -> None:
    working = shop.begin_python("jobs.py")
    assert working.first_line == "works\n"

    (shop.folder / "storage/locks/all-commands.disabled").touch()
    assert shop.run("commands", "wait", "--idle", "--timeout", "600").code == 0
    assert working.ended().code == 0

    (shop.folder / "storage/locks/all-commands.disabled").unlink()
    assert {one["status"] for one in statuses(shop).values()} == {"Idle"}


def test_waiting_for_too_long_is_exit_code_1(shop: Shell, commands: Commands) -> None:
    with commands.lock("process-manager"):
        answer = shop.run("commands", "wait", "--idle", "--timeout", "0")

    assert answer.code == 1
    assert "still working after 0:00:00: process-manager" in answer.err


def test_waiting_says_for_what(shop: Shell) -> None:
    assert shop.run("commands", "wait").code == 2


def test_unlocking(shop: Shell, commands: Commands) -> None:
    block = commands.lock("process-manager")
    block.__enter__()

    answer = shop.run("commands", "unlock", "process-manager", "--reason", "hangs")

    assert answer.out.startswith("Unlocked: process-manager, which was held by process ")
    assert "not locked" in shop.run("commands", "unlock", "process-manager").out
    with pytest.raises(Exception, match="is lost"):
        block.__exit__(None, None, None)


def test_one_command_is_stopped_alone(shop: Shell) -> None:
    assert shop.ask("commands", "disable", "get-orders") == {"key": "get-orders", "disabled": True}

    assert shop.python("import jobs; jobs.get_orders()").code != 0
    assert {key: one["status"] for key, one in statuses(shop).items()}["process-manager"] == "Idle"
    assert shop.ask("commands", "enable", "get-orders") == {
        "key": "get-orders",
        "disabled": False,
        "by": None,
    }


def test_an_unknown_command_is_refused_with_those_there_are(shop: Shell) -> None:
    answer = shop.run("commands", "disable", "get-ordres")

    assert answer.code == 3
    assert "known are get-orders, import-invoices-service1, import-invoices-service2" in answer.err


@pytest.mark.parametrize("arguments", [[], ["get-orders", "--all"]])
def test_one_command_or_all_is_to_be_named(shop: Shell, arguments: list[str]) -> None:
    answer = shop.run("commands", "disable", *arguments)

    assert answer.code == 2
    assert "name one command, or give --all" in answer.err


def test_there_must_be_a_database(shell: Shell) -> None:
    assert shell.run("commands", "status").code == 4


def test_a_server_keeps_no_locks(shell: Shell) -> None:
    answer = shell.run("commands", "status", "--db", "grpc://127.0.0.1:1")

    assert answer.code == 1
    assert "keeps no locks" in answer.err
