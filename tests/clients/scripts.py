"""Runs the scripts in `scripts/` with one of the clients for JavaScript."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from tests.clients.models import Models
from tests.clients.packages import Packages

FOLDER = Path(__file__).with_name("javascript")
SECONDS = 60


class Scripts:
    def __init__(self, packages: Packages, server: str, models: Models, client: str) -> None:
        self.packages = packages
        self.server = server
        self.models = models
        self.client = client
        """`sdk` or `zeebe_node`."""

    def __call__(self, name: str, *files: Path) -> Any:
        """Run a script with processes it may deploy; answers the JSON it prints last.

        The script gets the suffix of the test's names, and the files, as arguments.
        """
        settings = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.models.folder),  # a client may look for settings there
            "CLIENT": self.client,
            "PACKAGES": str(self.packages.modules.parent),
            "SERVER": self.server,
        }
        done = subprocess.run(
            [self.packages.node, FOLDER / f"{name}.mjs", self.models.suffix, *files],
            env=settings,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert done.returncode == 0, f"{name}.mjs with {self.client}:\n{done.stdout}{done.stderr}"
        return json.loads(done.stdout.splitlines()[-1])  # the clients print what they do
