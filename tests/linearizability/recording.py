"""Lets clients work on one database while things go wrong, and gathers what they and the database say."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from procession import Procession
from tests.postgres import Server

from .world import FILES, JOBS, PROCESS, job_type

_ROOT = Path(__file__).parents[2]
CLIENTS = 3
ENDS_WITHIN = 60.0
_JOBS = "SELECT type, state, lease FROM job"
_BACKENDS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name='procession'"


@dataclass(slots=True, kw_only=True)
class Record:
    """Everything that is known about a run."""

    lines: list[dict[str, Any]]
    """Of all journals."""
    killed: set[str]
    restarted: list[float]
    """When the server began to go down: what was asked for before may have happened unheard of."""
    instances: dict[str, tuple[int, str | None]]
    """Of the instances there are at the end, by their names: key, and the marker of the message."""
    jobs: dict[str, tuple[int, int]]
    """State and lease of each job at the end, by type."""
    markers: set[str]
    """Of messages that are stored at the end."""
    ended: float
    ended_ms: int
    faults: list[str] = field(default_factory=list)


class Run:
    """One run. The seed decides what clients do and what goes wrong; the scheduler decides the rest."""

    def __init__(self, url: str, folder: Path, seed: int, seconds: float, server: Server | None) -> None:
        self._url = url
        self._folder = folder
        self._seed = seed
        self._seconds = seconds
        self._server = server
        self._dice = random.Random(seed)
        self._clients: dict[str, subprocess.Popen[bytes]] = {}
        self._killed: set[str] = set()
        self._restarted: list[float] = []
        self._faults: list[str] = []

    async def record(self) -> Record:
        """Carry it out.

        Raises:
            AssertionError: a client ended by itself, or did not end when it was told.
        """
        async with Procession(self._url, serve=False) as app:
            await app.deploy_files(FILES)
            await asyncio.gather(*(app.start(job_type(number)) for number in range(JOBS)))
        try:
            await asyncio.to_thread(self._disturb)
        finally:
            for process in self._clients.values():
                _end(process)
        async with Procession(self._url) as app:
            await asyncio.wait_for(app._embedded.when_idle(), ENDS_WITHIN)
        return self._gather()

    # --- clients --------------------------------------------------------------------------------

    def _launch(self) -> None:
        name = f"client-{len(self._clients) + len(self._killed)}"
        command = [sys.executable, "-m", "tests.linearizability.roles"]
        with (self._folder / f"{name}.log").open("ab") as log:
            self._clients[name] = subprocess.Popen(
                [*command, self._url, str(self._folder / f"{name}.journal"), name, str(self._seed)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=_ROOT,
            )

    def _await_ready(self) -> None:
        for name, process in self._clients.items():
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n", self._log_of(name)

    def _log_of(self, name: str) -> str:
        return f"{name}:\n{(self._folder / f'{name}.log').read_text()[-4000:]}"

    # --- faults ---------------------------------------------------------------------------------

    def _disturb(self) -> None:
        for _ in range(CLIENTS):
            self._launch()
        self._await_ready()
        began = time.monotonic()
        kinds: list[Callable[[], None]] = [self._kill, self._stop, self._stop]
        if self._server is not None:
            kinds += [self._terminate, self._terminate]
        certain: list[Callable[[], None]] = [self._kill, self._stop]
        if self._server is not None:
            certain += [self._restart, self._terminate]
        plan = certain + [self._dice.choice(kinds) for _ in range(2 * int(self._seconds))]
        for at, fault in enumerate(plan):
            if at >= len(certain) and time.monotonic() - began > self._seconds:
                break
            time.sleep(self._dice.uniform(0.1, 0.6))
            fault()
        time.sleep(max(0.0, began + self._seconds - time.monotonic()))
        for process in self._clients.values():
            assert process.stdin is not None
            process.stdin.close()
        for name, process in self._clients.items():
            assert process.wait(ENDS_WITHIN) == 0, self._log_of(name)

    def _victim(self) -> str:
        return self._dice.choice(sorted(self._clients))

    def _kill(self) -> None:
        name = self._victim()
        process = self._clients.pop(name)
        assert process.poll() is None, self._log_of(name)
        _end(process)
        self._killed.add(name)
        self._faults.append(f"killed {name}")
        self._launch()

    def _stop(self) -> None:
        name = self._victim()
        process = self._clients[name]
        seconds = self._dice.uniform(0.2, 1.2)
        os.kill(process.pid, signal.SIGSTOP)
        try:
            time.sleep(seconds)
        finally:
            os.kill(process.pid, signal.SIGCONT)
        self._faults.append(f"stopped {name} for {seconds:.1f} s")

    def _terminate(self) -> None:
        assert self._server is not None
        self._server.execute(_BACKENDS)
        self._faults.append("terminated all backends")

    def _restart(self) -> None:
        assert self._server is not None
        how = self._dice.choice((signal.SIGINT, signal.SIGQUIT))
        self._restarted.append(time.monotonic())
        self._server.stop(how)
        self._server.start()
        self._faults.append(f"restarted the server with {how.name}")

    # --- what is known afterwards ---------------------------------------------------------------

    def _gather(self) -> Record:
        engine = sa.create_engine(self._url.replace("postgresql:", "postgresql+psycopg:"))
        with engine.connect() as connection:

            def ask(statement: str) -> list[Any]:
                return [tuple(row) for row in connection.exec_driver_sql(statement)]

            markers = dict(ask("SELECT scope_key, value FROM variable WHERE name='marker'"))
            found = ask(f"SELECT business_key, key FROM process_instance WHERE process_id='{PROCESS}'")
            instances = {name: (key, _text(markers.get(key))) for name, key in found}
            jobs = {type_: (state, lease) for type_, state, lease in ask(_JOBS)}
            messages = [json.loads(variables) for (variables,) in ask("SELECT variables FROM message")]
            assert ask("SELECT count(*) FROM command") == [(0,)], "commands were left"
        engine.dispose()
        lines = [
            json.loads(line)
            for journal in self._folder.glob("*.journal")
            for line in journal.read_text().splitlines()
        ]
        return Record(
            lines=lines,
            killed=self._killed,
            restarted=self._restarted,
            instances=instances,
            jobs=jobs,
            markers={json.loads(variables["marker"]) for variables in messages},
            ended=time.monotonic(),
            ended_ms=time.time_ns() // 1_000_000,
            faults=self._faults,
        )


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    with process:
        pass  # leaving waits for it and closes the pipes


def _text(value: str | None) -> str | None:
    return None if value is None else json.loads(value)
