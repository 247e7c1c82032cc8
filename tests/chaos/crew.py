"""The processes of a run: each is started, killed, started again, and in the end dismissed."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from procession.cli.exits import ExitCode

_ROOT = Path(__file__).parents[2]
_ENDS_WITHIN = 60.0


@dataclass(slots=True)
class Member:
    """A role of the crew, and the process that plays it now."""

    role: str
    name: str
    command: Sequence[str]
    process: subprocess.Popen[bytes] | None = None

    @property
    def done(self) -> bool:
        return self.process is not None and self.process.poll() == 0


class Crew:
    """Everybody who works on one database, each a process of its own."""

    def __init__(self, folder: Path, members: Iterable[Member]) -> None:
        self.folder = folder
        self.members = list(members)

    @property
    def journals(self) -> list[Path]:
        return [self.folder / f"{member.name}.jsonl" for member in self.members]

    @property
    def clients_are_done(self) -> bool:
        return all(member.done for member in self.members if member.role.startswith("client"))

    def launch(self, member: Member) -> None:
        with (self.folder / f"{member.name}.log").open("ab") as log:
            member.process = subprocess.Popen(
                member.command,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=_ROOT,
                env={**os.environ, "PYTHONWARNINGS": "error"},
            )

    def kill(self, member: Member) -> None:
        """SIGKILL, as a crash would have it."""
        if member.process is not None:
            member.process.kill()
            _bury(member.process)

    def open_gate(self, instances: int) -> None:
        """Let clients start this many instances: work goes on as long as kills do."""
        fresh = self.folder / "gate.new"
        fresh.write_text(str(instances))
        fresh.rename(self.folder / "gate")

    def check_alive(self) -> None:
        """Only we end processes; but a server whose database is away when it starts is started again, as its
        supervisor would.

        Raises:
            AssertionError: one ended by itself, with what it said.
        """
        for member in self.members:
            code = member.process.poll() if member.process is not None else None
            if code == ExitCode.DATABASE and member.role == "server":
                self.kill(member)
                self.launch(member)
            elif code not in (None, 0):
                raise AssertionError(f"{member.name} ended with {code}:\n{self.log_of(member)}")

    def log_of(self, member: Member) -> str:
        return (self.folder / f"{member.name}.log").read_text(errors="replace")[-4000:]

    def dismiss(self) -> None:
        """Let those left end in order.

        Raises:
            AssertionError: one did not, or not well.
        """
        processes = {m.name: m.process for m in self.members if m.process is not None}
        for process in processes.values():
            if process.stdin is not None:
                process.stdin.close()
        codes = {name: process.wait(_ENDS_WITHIN) for name, process in processes.items()}
        assert set(codes.values()) == {0}, f"not all ended well: {codes}; see {self.folder}"

    def end(self) -> None:
        for member in self.members:
            self.kill(member)


def _bury(process: subprocess.Popen[bytes]) -> None:
    process.wait()
    if process.stdin is not None:
        process.stdin.close()
