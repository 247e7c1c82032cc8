"""Step processes on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from procession import bpmn
from tests.acceptance.cli.conftest import Shell

SHOP = """
from pathlib import Path

from procession import Process, ProcessError, ProcessManager, ProcessResult, Procession

app = Procession("sqlite:///shop.db")
processes = ProcessManager(app, cool_down=None)


class NewOrder(Process):
    \"\"\"CREATE ORDER\"\"\"

    STEPS = {"reserve": "reserve", "send": "send"}

    def reserve(self):
        self.sent("stock", {"sku": 1, "password": "p"})
        return ProcessResult("reserved", meta={"display": {"Number": "N-" + self.processable.id}})

    def send(self):
        if not Path("open").exists():
            raise ProcessError("the warehouse is closed")
        return ProcessResult("sent")


processes.register(NewOrder)
"""


@pytest.fixture
def shop(shell: Shell) -> Shell:
    """A folder with an app of step processes."""
    shell.write("shop.py", SHOP)
    return shell


def test_a_run_that_reaches_its_limit_says_that_more_is_due(shop: Shell) -> None:
    # Given a process whose first step takes longer than a run may
    shop.write("shop.py", SHOP.replace("self.sent(", "import time; time.sleep(4); self.sent("))
    shop.run("process", "start", "shop:app", "NewOrder", "order:A-1")
    # When
    worked = shop.run("process", "work", "shop:app", "--limit", "1ms")
    # Then
    assert (worked.code, worked.out) == (0, "The limit of 1ms is over; more is due.\n")


def test_processes_are_started_worked_on_looked_at_and_restarted(shop: Shell) -> None:
    # Given a process that was started (twice, which is once)
    started = shop.ask("process", "start", "shop:app", "NewOrder", "order:A-1", "--meta", '{"a": 1}')
    again = shop.ask("process", "start", "shop:app", "CREATE ORDER", "order:A-1")
    key = started["key"]
    # When a run is made, which the warehouse stops
    worked = shop.run("process", "work", "shop:app")
    listed = shop.ask("process", "list", "shop:app", "--status", "error")
    shown = shop.run("process", "show", "shop:app", str(key))
    # When it opens, and the process is restarted and run by hand
    shop.write("open", "")
    restarted = shop.run("process", "restart", "shop:app", "--status", "ERROR")
    by_hand = shop.run("process", "work", "shop:app", str(key))
    detail = shop.ask("process", "show", "shop:processes", str(key))
    # Then
    assert (again["key"], again["created"]) == (key, False)
    assert (worked.code, worked.out) == (0, "Nothing more is due.\n")
    assert [(one["key"], one["display"]) for one in listed] == [(key, {"Number": "N-A-1"})]
    assert f"Process {key}, CREATE ORDER version 1 for order:A-1: ERROR at send" in shown.out
    assert "ERROR: the warehouse is closed" in shown.out
    assert restarted.out == f"Restarted: process {key}\n"
    assert (by_hand.code, by_hand.out) == (0, f"Process {key}: SUCCESS\n")
    assert [run["status"] for run in detail["history"]] == ["SUCCESS", "ERROR", "SUCCESS"]
    assert detail["history"][0]["payloads"][0]["payload"] == {"sku": 1, "password": "***"}
    assert detail["meta"] == {"a": 1, "display": {"Number": "N-A-1"}}


def test_a_process_that_fails_by_hand_is_exit_code_1(shop: Shell) -> None:
    key = shop.ask("process", "start", "shop:app", "NewOrder", "order:A-1")["key"]
    answer = shop.run("process", "work", "shop:app", str(key))
    assert (answer.code, answer.out) == (1, f"Process {key}: ERROR\n")


def test_processes_are_abandoned_with_a_reason(shop: Shell) -> None:
    # Given two that nobody has begun
    keys = [
        shop.ask("process", "start", "shop:app", "NewOrder", f"order:{number}")["key"] for number in (1, 2)
    ]
    # When both, and one that does not exist, are abandoned
    without = shop.run("process", "abandon", "shop:app", str(keys[0]))
    answer = shop.run("process", "abandon", "shop:app", *map(str, keys), "17", "--reason", "entered twice")
    detail = shop.ask("process", "show", "shop:app", str(keys[0]))
    # Then those there are have ended, and the other one is told
    assert without.code == 2
    assert "--reason" in without.err
    assert answer.code == 1
    assert [line for line in answer.out.splitlines() if line.startswith("Abandoned")] == [
        f"Abandoned: process {key}" for key in keys
    ]
    assert "there is no process with key 17" in answer.out
    assert detail["info"]["status"] == "ABORTED"
    assert detail["aborted"]["reason"] == "entered twice"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["list", "shop:app", "--status", "BUSY"], 2, "--status 'BUSY' is none of PENDING"),
        (["list", "shop:NewOrder"], 2, "is a class and has no database"),
        (["list", "shop:Path"], 2, "shop:Path is a type; it must be a Procession app"),
        (["list", "shop:nothing"], 2, "module 'shop' has no 'nothing'"),
        (["start", "shop:app", "Other", "order:1"], 2, "'Other' is not registered; there are: NewOrder"),
        (["start", "shop:app", "NewOrder", "1"], 2, "write TYPE:ID"),
        (["restart", "shop:app"], 2, "name processes by their keys, or by"),
        (["show", "shop:app", "17"], 3, "there is no process with key 17"),
    ],
)
def test_what_cannot_be_done_is_said(shop: Shell, arguments: list[str], code: int, said: str) -> None:
    shop.ask("process", "start", "shop:app", "NewOrder", "order:A-1")
    answer = shop.run("process", *arguments)
    assert answer.code == code
    assert said in answer.err


def test_a_class_is_exported_as_bpmn_and_worked_on_by_its_name(shop: Shell) -> None:
    # Given the exported file, deployed by somebody else
    exported = shop.run("export", "shop:NewOrder", "-o", "order.bpmn")
    (process,) = bpmn.read((shop.folder / "order.bpmn").read_bytes(), "order.bpmn").processes
    shop.run("deploy", "order.bpmn", "--db", "sqlite:///other.db")
    shop.write("open", "")
    # When it is started plainly, and a worker is made from the class
    key = shop.ask("start", "new-order", "--db", "sqlite:///other.db", "--variables", MEANT)["key"]
    worker = shop.begin("worker", "shop:NewOrder", "--server", "sqlite:///other.db")
    detail = shop.ended_at(key, "sqlite:///other.db")
    stopped = worker.stop()
    # Then
    assert exported.out == "Written: order.bpmn (process new-order, version 1)\n"
    assert [node.id for node in process.body.nodes] == ["start", "reserve", "send", "end"]
    assert detail["variables"]["status"] == "SUCCESS"
    assert stopped.code == 0


MEANT = '{"processable": {"type": "order", "id": "A-1"}}'


def test_what_is_no_class_is_not_exported(shop: Shell, tmp_path: Path) -> None:
    answer = shop.run("export", "shop:app")
    assert answer.code == 2
    assert "shop:app is no subclass of Process" in answer.err


NEWER = """

class NewOrder2(NewOrder):
    process_id = "new-order"
    version = 2
    STEPS = {"check": "reserve", "send_out": "send"}
    MIGRATE = {1: {"send": "send_out"}}


processes.register(NewOrder2)
"""


def test_processes_are_moved_to_a_newer_class(shop: Shell) -> None:
    # Given one that is held at a step, and one that has not begun, when a newer class is there
    held = shop.ask("process", "start", "shop:app", "NewOrder", "order:A-1")["key"]
    shop.run("process", "work", "shop:app")
    fresh = shop.ask("process", "start", "shop:app", "NewOrder", "order:A-2")["key"]
    shop.write("shop.py", SHOP + NEWER)
    # When it is started once, and they are moved
    early = shop.run("process", "migrate", "shop:app", str(held))
    shop.ask("process", "start", "shop:app", "NewOrder2", "order:A-3")
    moved = shop.run("process", "migrate", "shop:app", str(held))
    others = shop.run("process", "migrate", "shop:app", "--from", "1", "--format", "json")
    again = shop.run("process", "migrate", "shop:app", "--process", "NewOrder2", "--from", "7")
    neither = shop.run("process", "migrate", "shop:app")
    # Then
    assert (early.code, "is not deployed with its steps" in early.out) == (1, True)
    assert (moved.code, moved.out) == (0, f"Migrated: process {held}\n")
    assert others.code == 1
    assert '"done": []' in others.out
    assert "at step 'reserve', which version 2 does not have" in others.out
    assert str(fresh) in others.out
    assert (again.code, again.out) == (0, "No processes match.\n")
    assert (neither.code, "or all with --all" in neither.err) == (2, True)
    # And it goes on with the newer class
    shop.write("open", "")
    by_hand = shop.run("process", "work", "shop:app", str(held))
    detail = shop.ask("process", "show", "shop:app", str(held))
    assert by_hand.out == f"Process {held}: SUCCESS\n"
    assert [run["step"] for run in detail["history"]] == ["reserve", "send", "send_out"]
    assert detail["info"]["class_version"] == 2
