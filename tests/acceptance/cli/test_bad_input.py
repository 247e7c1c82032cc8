"""What is wrong is said in one clear line with a telling exit code: no traceback, nothing lost."""

from __future__ import annotations

import sqlite3

import pytest
from typer.testing import CliRunner

from procession.cli.program import app
from procession.errors import InvalidInput
from tests.acceptance.cli.conftest import Answer, Shell

FAILED, USAGE, NOT_FOUND, DATABASE = 1, 2, 3, 4


def refused(answer: Answer, code: int, *words: str) -> None:
    assert answer.code == code, answer
    assert answer.out == ""
    assert answer.err.startswith("procession: ")
    assert "Traceback" not in answer.err
    for word in words:
        assert word in answer.err


def test_a_model_with_faults_is_refused_with_all_of_them_and_makes_no_database(shell: Shell) -> None:
    shell.write("broken.bpmn", "<definitions")
    shell.write("other.bpmn", '<note xmlns="urn:x"/>')

    answer = shell.run("deploy", "greeting.bpmn", "broken.bpmn", "other.bpmn")

    refused(answer, FAILED, "2 faults", "broken.bpmn", "other.bpmn")
    assert not (shell.folder / "procession.db").exists()


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["deploy", "missing.bpmn"], "missing.bpmn cannot be read"),
        (["start", "greeting", "--variables", "{who: 1}"], "no JSON"),
        (["status", "--db", "mysql://host/orders"], "sqlite:///orders.db"),
        (["worker", "missing:app"], "no module 'missing'"),
        (["worker", "work:left"], "must be a Procession"),
    ],
)
def test_arguments_that_cannot_be_right_are_explained(shell: Shell, arguments: list[str], word: str) -> None:
    refused(shell.run(*arguments), USAGE, word)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["start", "greeting", "--variables", "[1, 2]"], "not an array"),
        (["start", "greeting", "--variables", '{"a": NaN}'], "no JSON"),
        (["start", "greeting", "--variables", "@missing.json"], "missing.json cannot be read"),
        (["start", "greeting", "--wait", "-1"], "no duration"),
        (["publish", "paid", "--ttl", "soon"], "no duration"),
        (["instance", "list", "--state", "asleep"], "active, completed, terminated"),
        (["worker", "work"], "MODULE:APP"),
    ],
)
def test_texts_that_cannot_be_read_are_refused_before_anything_else(arguments: list[str], word: str) -> None:
    refusal = CliRunner().invoke(app, arguments).exception

    assert isinstance(refusal, InvalidInput)
    assert word in refusal.message


def test_what_is_not_there_is_named(deployed: Shell) -> None:
    refused(deployed.run("start", "unheard-of"), NOT_FOUND, "'unheard-of'", "deploy")
    refused(deployed.run("start", "greeting", "--version", "7"), NOT_FOUND, "version 7")
    refused(deployed.run("instance", "show", "42"), NOT_FOUND, "42")
    refused(deployed.run("incident", "resolve", "42"), NOT_FOUND, "42")


@pytest.mark.parametrize(
    "arguments", [["status"], ["instance", "list"], ["start", "greeting"], ["publish", "x"]]
)
def test_a_database_that_is_not_there_is_not_made(shell: Shell, arguments: list[str]) -> None:
    refused(shell.run(*arguments), DATABASE, "there is no database", "procession deploy")
    assert not list(shell.folder.glob("*.db*"))


def test_a_file_that_is_no_database_is_left_as_it_is(shell: Shell) -> None:
    notes = "these are notes and not a database\n" * 40
    shell.write("procession.db", notes)

    refused(shell.run("status"), DATABASE, "no SQLite database")
    refused(shell.run("deploy", "greeting.bpmn"), DATABASE, "no SQLite database")
    assert (shell.folder / "procession.db").read_text() == notes


def test_a_database_of_a_newer_version_is_refused(deployed: Shell) -> None:
    connection = sqlite3.connect(deployed.folder / "procession.db")
    connection.execute("UPDATE schema_info SET version=99, readable_since=99")
    connection.commit()
    connection.close()

    refused(deployed.run("status"), DATABASE, "schema 99", "install the newer version")
    refused(deployed.run("start", "greeting"), DATABASE, "schema 99", "install the newer version")


def test_a_folder_that_does_not_exist_is_named(shell: Shell) -> None:
    refused(shell.run("deploy", "greeting.bpmn", "--db", "sqlite:///no/such/x.db"), DATABASE, "no/such/x.db")


def test_a_locked_database_can_be_read_but_a_writer_is_told_to_wait(deployed: Shell) -> None:
    # Given another program that holds the file
    holder = sqlite3.connect(deployed.folder / "procession.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")

    # Then searches go on, and a writer gives up after its patience with a clear answer
    assert deployed.ask("instance", "list") == []
    refused(
        deployed.run("start", "greeting", PROCESSION_BUSY_SECONDS="0.5"), DATABASE, "another process holds"
    )

    # And nothing of the start has happened
    holder.close()
    assert deployed.ask("instance", "list") == []


def test_a_worker_module_that_fails_to_load_tells_why_and_with_debug_where(shell: Shell) -> None:
    shell.write("bad.py", "import json\njson.loads('{')\n")

    refused(shell.run("worker", "bad:app"), FAILED, "'bad' cannot be imported", "JSONDecodeError", "--debug")
    assert "bad.py" in shell.run("--debug", "worker", "bad:app").err
