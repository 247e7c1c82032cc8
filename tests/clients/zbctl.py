"""Runs zbctl and reads what it prints."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

SECONDS = 60


class Zbctl:
    def __init__(self, program: Path, server: str) -> None:
        self.program = program
        self.server = server

    def __call__(self, *arguments: object) -> Any:
        """What a command answers as JSON, which it must; None if it prints nothing."""
        done = self._run(*arguments)
        assert done.returncode == 0, f"zbctl {arguments}: {done.stderr}"
        return json.loads(done.stdout) if done.stdout.strip() else None

    def says(self, *arguments: object) -> str:
        """What a command prints for people."""
        done = self._run(*arguments)
        assert done.returncode == 0, f"zbctl {arguments}: {done.stderr}"
        return done.stdout + done.stderr

    def refused(self, *arguments: object) -> str:
        """The error of a command that must fail."""
        done = self._run(*arguments)
        assert done.returncode == 1, f"zbctl {arguments} succeeded: {done.stdout}"
        return done.stderr

    def command(self, *arguments: object) -> list[str]:
        """The command line, for programs that run on."""
        return [str(self.program), "--address", self.server, "--insecure", *map(str, arguments)]

    def the_job(self, type_: str) -> Any:
        """Activate the one job of a type."""
        (job,) = self("activate", "jobs", type_, "--timeout", "1m")["jobs"]
        return job

    def mark(self) -> int:
        """A key from now: what is made next has a greater one. (It is that of a message nobody awaits.)"""
        return int(self("publish", "message", "mark", "--correlationKey", "mark", "--ttl", "0s")["key"])

    def _run(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments), capture_output=True, text=True, timeout=SECONDS, check=False
        )
