"""Every command explains itself."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from procession import __version__
from procession.cli.program import app
from tests.acceptance.cli.conftest import Shell

COMMANDS = [
    "up",
    "deploy",
    "start",
    "publish",
    "signal",
    "worker",
    "gateway",
    "servers list",
    "status",
    "version",
    "instance list",
    "instance show",
    "instance cancel",
    "instance migrate",
    "incident list",
    "incident resolve",
    "definition list",
    "definition delete",
    "commands status",
    "commands disable",
    "commands enable",
    "commands unlock",
    "commands wait",
    "db upgrade",
    "db check",
    "process list",
    "process show",
    "process start",
    "process restart",
    "process abandon",
    "process migrate",
    "process work",
    "dead-letters list",
    "dead-letters retry",
    "dead-letters drop",
]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_an_example_the_options_and_the_exit_codes(command: str) -> None:
    answer = CliRunner().invoke(app, [*command.split(), "--help"])

    assert answer.exit_code == 0
    assert f"procession {command}" in answer.output.split("Example", 1)[1]
    assert ("--broker URL" if command.startswith("dead-letters") else "--db URL") in answer.output
    assert "--format" in answer.output
    assert "Exit codes: 0 done" in answer.output


def test_help_of_a_command_that_needs_no_database_shows_an_example_too() -> None:
    answer = CliRunner().invoke(app, ["export", "--help"])

    assert answer.exit_code == 0
    assert "procession export" in answer.output.split("Example", 1)[1]


def test_help_lists_every_command(shell: Shell) -> None:
    answer = shell.run("--help")

    assert answer.code == 0
    for command in COMMANDS:
        assert f"\n  {command.split()[0]} " in answer.out


def test_the_version_is_that_of_the_package(shell: Shell) -> None:
    assert shell.ask("version")["version"] == __version__
    assert f"Procession {__version__}" in shell.run("version").out
