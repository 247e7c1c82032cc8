"""Where a node's time goes: batches of one-task or ten-task instances without threads or an event loop.

`python -m benchmarks.profile_node [--tasks N] [--instances N] [--functions]`
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.models import TASK_TYPE, zeebe_process
from procession.broker import ActivatedJob, JobStream, prepare
from procession.broker.batch import Batch, Entry
from procession.broker.graphs import GraphCache
from procession.broker.jobs import JobBoard
from procession.broker.keys import KeySource
from procession.engine import commands as c
from procession.storage import open_storage
from procession.storage.port import Storage
from procession.storage.sqlite.transaction import SQLiteTransaction

BATCH = 200
PROCESS = "profiled"
_spent: dict[str, float] = defaultdict(float)


class Driver:
    """Does what a node does with its batches, one after the other."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._graphs = GraphCache()
        self._keys = KeySource(storage)
        self._board = JobBoard()
        stream = JobStream(TASK_TYPE, "profiler", 60_000, ("n",), lambda jobs: None)
        stream.credits = 1 << 40
        self._board.open(stream)

    def run(self, commands: list[c.Command]) -> list[ActivatedJob]:
        """Commit one batch; answers the jobs it made."""
        self._keys.refill()
        with self._storage.transaction() as transaction:
            entries = [Entry(command) for command in commands]
            batch = Batch(transaction, self._graphs, self._keys, entries)
            batch.run(self._board)
            jobs = [job for _, job in batch.activated]
            transaction.commit()
        self._keys.keep()
        return jobs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=1)
    parser.add_argument("--instances", type=int, default=4000)
    parser.add_argument("--functions", action="store_true", help="profile by function instead of by phase")
    options = parser.parse_args()
    if not options.functions:
        _time(SQLiteTransaction, "load", "write", "commit")
        _time(Batch, "_load_for", "_pass", "run")
    with tempfile.TemporaryDirectory() as folder:
        storage = open_storage(f"sqlite:///{Path(folder) / 'profile.db'}")
        try:
            _measure(Driver(storage), options)
        finally:
            storage.close()


def _measure(driver: Driver, options: argparse.Namespace) -> None:
    command, _ = prepare({f"{PROCESS}.bpmn": zeebe_process(PROCESS, options.tasks).encode()})
    driver.run([command])
    driver.run([c.StartInstance(PROCESS, variables={"n": "1"})])
    _spent.clear()
    profile = cProfile.Profile()
    if options.functions:
        profile.enable()
    began = time.perf_counter()
    for _ in range(0, options.instances, BATCH):
        jobs = driver.run([c.StartInstance(PROCESS, variables={"n": "1"}) for _ in range(BATCH)])
        for _ in range(options.tasks):
            jobs = driver.run([c.CompleteJob(job.key, {"m": "2"}, job.lease) for job in jobs])
    seconds = time.perf_counter() - began
    profile.disable()
    print(f"{seconds / options.instances * 1e6:.0f} microseconds an instance of {options.tasks} tasks")
    for name, spent in _spent.items():
        print(f"  {name.strip('_'):10} {spent / options.instances * 1e6:8.1f}")
    if options.functions:
        pstats.Stats(profile).sort_stats("tottime").print_stats(40)


def _time(owner: type, *names: str) -> None:
    for name in names:
        setattr(owner, name, _timed(name, getattr(owner, name)))


def _timed(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    def timed(*arguments: Any, **options: Any) -> Any:
        began = time.perf_counter()
        try:
            return function(*arguments, **options)
        finally:
            _spent[name] += time.perf_counter() - began

    return timed


if __name__ == "__main__":
    main()
