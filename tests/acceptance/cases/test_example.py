"""The account example, as its readers run it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("broker", ["database", "rabbitmq"])
def test_the_account_example_opens_accounts(
    broker: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    # Given RabbitMQ, or none
    environment = {name: one for name, one in os.environ.items() if not name.startswith("PROCESSION_")}
    environment["PYTHONPATH"] = str(ROOT)
    if broker == "rabbitmq":
        environment["PROCESSION_BROKER"] = request.getfixturevalue("rabbitmq").url
    # When it is run twice in an empty directory
    for run in (1, 2):
        done = subprocess.run(
            [sys.executable, "-m", "examples.account.main"],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        # Then every customer has one user and one account, but for the one that was refused
        assert done.returncode == 0, done.stdout + done.stderr
        assert len(re.findall(r"FINISHED {'user': \d+, 'account': \d+}", done.stdout)) == 19
        assert "customer  7: " in done.stdout
        assert "FAILED   a deposit of 5 is too small" in done.stdout
        assert f"{19 * run} users, {19 * run} accounts" in done.stdout
        # And it says where requests and replies went
        assert ("queues in the database" in done.stdout) == (broker == "database"), done.stdout
