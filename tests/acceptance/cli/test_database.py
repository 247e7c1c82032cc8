"""`procession db ...`, and what commands say about the database's health."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from procession.storage.schema import READABLE_SINCE, VERSION
from tests.acceptance.cli.conftest import Shell
from tests.postgres import Server


def _execute(shell: Shell, statement: str) -> None:
    with closing(sqlite3.connect(shell.folder / "procession.db")) as connection:
        connection.execute(statement)
        connection.commit()


def test_a_database_is_made_checked_and_found_current(shell: Shell) -> None:
    assert shell.run("db", "check").code == 4
    assert shell.ask("db", "upgrade")["from_version"] == 0
    assert shell.ask("db", "upgrade")["from_version"] == VERSION
    found = shell.ask("db", "check")
    assert found["usable"]
    assert not found["upgrade_needed"]
    assert (found["schema_version"], found["nodes_after_upgrade"]) == (VERSION, READABLE_SINCE)
    assert (found["problems"], found["warnings"]) == ([], [])
    status = shell.ask("status")
    assert (status["ready"], status["reason"]) == (True, None)


def test_what_is_missing_is_named(shell: Shell) -> None:
    shell.ask("db", "upgrade")
    _execute(shell, "DROP INDEX ix_timer_due")
    _execute(shell, "DROP TABLE variable_change")
    answer = shell.run("db", "check")
    assert answer.code == 4
    assert "index ix_timer_due is missing" in answer.out
    assert "table variable_change is missing" in answer.err
    assert "Traceback" not in answer.err


def test_an_old_schema_needs_an_upgrade_and_says_so(shell: Shell) -> None:
    shell.ask("db", "upgrade")
    _execute(shell, "UPDATE schema_info SET version=0, readable_since=0")
    answer = shell.run("db", "check")
    assert answer.code == 4
    assert f"its schema is 0, {VERSION} is needed: run `procession db upgrade`" in answer.err
    assert (
        f"needed: procession db upgrade; nodes of before schema {READABLE_SINCE} stop working with it"
        in answer.out
    )
    refused = shell.run("up", "--no-upgrade")
    assert refused.code == 4
    assert "run `procession db upgrade`" in refused.err


@pytest.mark.parametrize("command", [("up",), ("deploy", "greeting.bpmn"), ("start", "greeting")])
def test_without_upgrade_no_command_makes_tables(command: tuple[str, ...], shell: Shell) -> None:
    answer = shell.run(*command, PROCESSION_UPGRADE="0")
    assert answer.code == 4
    assert not (shell.folder / "procession.db").exists()


def test_a_newer_schema_is_not_downgraded(shell: Shell) -> None:
    shell.ask("db", "upgrade")
    _execute(shell, "UPDATE schema_info SET version=99, readable_since=98")
    for command in (("db", "upgrade"), ("db", "check")):
        answer = shell.run(*command)
        assert answer.code == 4
        assert "install the newer version" in answer.err


@pytest.mark.parametrize("url", ["postgresql://owner:s3cret@nowhere.invalid/orders", "sqlite:///orders.db"])
def test_sql_is_written_without_a_connection(url: str, shell: Shell) -> None:
    written = shell.run("db", "upgrade", "--sql", "--from-version", "0", "--db", url)
    assert written.code == 0, written.err
    assert written.out.startswith("BEGIN;")
    assert ("pg_advisory_xact_lock" in written.out) == url.startswith("postgresql")
    assert written.out.rstrip().endswith("COMMIT;")
    assert not (shell.folder / "orders.db").exists()
    nothing = shell.run("db", "upgrade", "--sql", "--from-version", str(VERSION), "--db", url)
    assert nothing.out == f"-- Nothing to do: schema {VERSION} is current.\n"
    refused = shell.run("db", "upgrade", "--sql", "--from-version", "99", "--db", url)
    assert refused.code == 2
    assert "s3cret" not in refused.err + nothing.out + written.out


def test_from_version_goes_with_sql_only(shell: Shell) -> None:
    answer = shell.run("db", "upgrade", "--from-version", "0")
    assert answer.code == 2
    assert "--sql only" in answer.err


def test_settings_that_endanger_what_is_acknowledged_are_warned_of(
    shell: Shell, postgres: Server, postgresql_url: str
) -> None:
    name = postgresql_url.rpartition("/")[2]
    postgres.execute(f"ALTER DATABASE {name} SET synchronous_commit=off")
    postgres.execute("ALTER SYSTEM SET fsync=off")
    postgres.execute("SELECT pg_reload_conf()")
    try:
        found = shell.ask("db", "check", "--db", postgresql_url)
    finally:
        postgres.execute("ALTER SYSTEM RESET fsync")
        postgres.execute("SELECT pg_reload_conf()")
    assert found["usable"]
    assert found["server"].startswith("PostgreSQL 1")
    assert [text.partition(" ")[0] for text in found["warnings"]] == ["fsync", "synchronous_commit"]


def test_a_node_tells_when_it_cannot_work_and_when_it_can(shell: Shell) -> None:
    node = shell.begin("up")
    # When the tables become what it does not know
    _execute(shell, "UPDATE schema_info SET readable_since=98, version=99")
    assert node.line_with("Not ready").startswith("Not ready: database ")
    # And come back
    _execute(shell, f"UPDATE schema_info SET readable_since=1, version={VERSION}")
    assert node.line_with("Ready") == "Ready again.\n"
    answer = node.stop()
    assert answer.code == 0
    assert "Traceback" not in answer.err
