"""`procession case`, as its users type it."""

from __future__ import annotations

import json
import time

import pytest

from procession.process.cases import new_key
from tests.acceptance.cli.conftest import Shell

CASES = """
from datetime import timedelta

from settings import KEYS
from procession import BusinessCase, CaseError, CaseManager, Procession, stage


class OpenAccount(BusinessCase, api="v1"):
    "OPEN AN ACCOUNT"

    HIDDEN = frozenset({"password"})

    @stage(first=True)
    async def create_user(self, ctx):
        if ctx.payload.get("refuse"):
            raise CaseError("the customer is unknown")
        ctx.data["email"] = ctx.payload["email"]
        return ctx.next(delay=timedelta(hours=ctx.payload.get("hours", 0)))

    @stage
    def close(self, ctx):
        return ctx.finish({"email": ctx.data["email"]})


app = Procession("sqlite:///procession.db")
cases = CaseManager(app, keys=KEYS)
cases.register(OpenAccount)
"""


PATIENCE = 60.0


@pytest.fixture
def shop(deployed: Shell) -> Shell:
    """A folder with an application that has business cases."""
    deployed.write("bank.py", CASES)
    deployed.write("settings.py", f"KEYS = [{new_key('test')!r}]")
    return deployed


def test_a_key_is_made(shop: Shell) -> None:
    name, _, secret = shop.run("case", "key", "2026-11").out.strip().partition(":")
    assert name == "2026-11"
    assert len(secret) == 88


def test_without_a_key_it_says_how_to_make_one(shop: Shell) -> None:
    shop.write("settings.py", "KEYS = None")
    refused = shop.run("case", "list", "bank:app")
    assert refused.code != 0
    assert "procession case key" in refused.err


def test_a_case_is_started_carried_on_and_shown(shop: Shell) -> None:
    # Given a case that is started while nobody works
    payload = '{"email": "ada@example.com", "password": "sesame"}'
    started = json.loads(
        shop.run("case", "start", "bank:app", "OpenAccount", "--payload", payload, "--format", "json").out
    )
    listed = shop.run("case", "list", "bank:app", "--status", "running", "--format", "json")
    assert [one["key"] for one in json.loads(listed.out)] == [started["key"]]
    # When a worker carries it on
    shop.begin("worker", "bank:app")
    ended = shop.run(
        "case", "start", "bank:app", "open-account", "--api", "v1", "--payload", payload, "--wait", "60s"
    )
    assert ended.code == 0, ended.err
    assert 'Result: {"email":"ada@example.com"}' in ended.out
    # Then it is shown, without what is hidden
    shown = shop.run("case", "show", "bank:app", str(started["key"]))
    assert "FINISHED" in shown.out
    assert '"password":"***"' in shown.out
    detail = json.loads(shop.run("case", "show", "bank:app", str(started["key"]), "--format", "json").out)
    assert [run["stage"] for run in detail["stages"]] == ["create_user", "close"]
    assert "sesame" not in shown.out + json.dumps(detail)


def test_a_case_that_is_held_says_what_helps(shop: Shell) -> None:
    shop.begin("worker", "bank:app")
    begun = shop.ask("case", "start", "bank:app", "OpenAccount", "--payload", '{"refuse": 1}')
    deadline = time.monotonic() + PATIENCE
    while "HELD" not in (shown := shop.run("case", "show", "bank:app", str(begun["key"]))).out:
        assert time.monotonic() < deadline, shown.out
    assert "HELD at create_user: the customer is unknown" in shown.out
    assert "procession incident resolve" in shown.out
    held = json.loads(shop.run("case", "list", "bank:app", "--status", "HELD", "--format", "json").out)
    assert [one["message"] for one in held] == ["the customer is unknown"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["list", "bank:app", "--status", "no"], "is none of RUNNING"),
        (["list", "bank:app", "--case", "no"], "no case no"),
        (["show", "bank:app", "7"], "no case with key 7"),
        (["start", "bank:app", "No"], "is not registered; there are: open-account v1"),
        (["start", "bank:app", "OpenAccount", "--payload", "{bad"], "holds no JSON"),
        (["start", "bank:app", "OpenAccount", "--payload", "@no.json"], "cannot be read"),
        (["serve", "bank:app", "--http", "x"], "is no [HOST:]PORT"),
        (["serve", "bank:nothing"], "has no 'nothing'"),
        (["key", "no such name!"], "a key is written NAME:SECRET"),
    ],
)
def test_wrong_input_is_told(shop: Shell, arguments: list[str], words: str) -> None:
    assert shop.run("case", "key", "x").code == 0
    refused = shop.run("case", *arguments)
    assert refused.code != 0
    assert words in refused.err


def test_a_class_is_exported(shop: Shell) -> None:
    exported = shop.run("export", "bank:OpenAccount", "-o", "case.bpmn", "--format", "json")
    assert json.loads(exported.out) == {"file": "case.bpmn", "process_id": "open-account.v1", "version": "v1"}
    assert "open-account.v1.create_user" in (shop.folder / "case.bpmn").read_text()
