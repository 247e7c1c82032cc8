"""Runs commands through the real engine on a real SQLite file, one transaction at a time, in one thread.

Time stands still unless a schedule lets it pass, so two runs of one schedule see the same clock.
"""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

from procession.bpmn import write
from procession.broker.batch import Batch, Entry
from procession.broker.graphs import GraphCache
from procession.broker.keys import KeysExhausted, KeySource
from procession.engine import Unit
from procession.engine import commands as c
from procession.engine.tables import TABLES
from procession.model import Process
from procession.storage.port import Transaction
from procession.storage.sqlite import SQLiteStorage, adapter
from procession.testing.database import copy_database

from . import blocks as b
from .actions import Target, to_twins
from .modelling import MAIN, places_of, processes_of
from .rows import Rows, read_rows
from .strategies import Step

NOON = 2_000_000_000_000
"""Epoch milliseconds."""
KEYS = 2_000
MAX_ROUNDS = 2_000


class StoppedClock:
    """Stands in for the module `time` where the storage asks the host for the time."""

    monotonic = staticmethod(time.monotonic)
    sleep = staticmethod(time.sleep)

    def __init__(self, milliseconds: int = NOON) -> None:
        self.milliseconds = milliseconds

    def time_ns(self) -> int:
        return self.milliseconds * 1_000_000


@contextmanager
def stopped_time(clock: StoppedClock | None = None) -> Iterator[None]:
    """The host's clock stands still for storages."""
    with mock.patch.object(adapter, "time", clock or StoppedClock()):
        yield


class Executor:
    """Transactions on one database file.

    With `forgets`, each begins as after a kill: new storage, no compiled graphs, new keys.
    """

    def __init__(self, database: Path, *, forgets: bool = False) -> None:
        self.database = database
        self._forgets = forgets
        self._open()

    def _open(self) -> None:
        self._storage = SQLiteStorage(self.database)
        self._storage.open()
        self._graphs = GraphCache()
        self._keys = KeySource(self._storage, KEYS)

    def close(self) -> None:
        self._storage.close()

    def run(self, entries: list[Entry]) -> None:
        """One batch, committed. A command may be refused but must not fail unforeseen."""
        if self._forgets:
            self.close()
            self._open()
        self._keys.refill()
        try:
            self._commit(entries)
        except KeysExhausted:
            self._keys.grow()
            self._keys.refill()
            self._commit(entries)
        for entry in entries:
            if entry.poison is not None:
                raise entry.poison

    def _commit(self, entries: list[Entry]) -> None:
        with self._storage.transaction() as transaction:
            batch = Batch(transaction, self._graphs, self._keys, entries)
            batch.run(None)
            _check_what_changed(batch.unit)
            transaction.commit()
        self._keys.keep()

    def look(self, question: Callable[[Transaction], Any]) -> Any:
        """The answer of a transaction that changes nothing."""
        with self._storage.transaction() as transaction:
            return question(transaction)

    def advance(self, milliseconds: int) -> None:
        self._storage.move_clock(milliseconds)


def _check_what_changed(unit: Unit) -> None:
    """Storage writes only the fields a table declares to change: all others have to be as loaded."""
    for table in unit.touched():
        fields = TABLES[table.name].record.__struct_fields__
        constant = [(at, name) for at, name in enumerate(fields) if name not in TABLES[table.name].changes]
        for record in table.changes().updated:
            row = table.loaded[table.key_of(record)]
            assert row is not None, record
            assert all(getattr(record, name) == row[at] for at, name in constant), record


class World:
    """A process, instances of it, and what happens to them.

    `together` puts commands of different instances into one transaction; each instance has at most
    one in it, so what happens to an instance is the same in the same order either way. With `greedy`
    everything that waits goes into one, as on a busy node. `beginnings` tells where instances begin,
    by numbers that pick among the places there are.
    """

    def __init__(
        self,
        database: Path,
        block: b.Block,
        *,
        together: bool = True,
        forgets: bool = False,
        greedy: bool = False,
        beginnings: Sequence[Sequence[int]] = (),
        after: Callable[[World], None] | None = None,
    ) -> None:
        self.executor = Executor(database, forgets=forgets)
        self.database = database
        self.models = {process.id: process for process in processes_of(block)}
        self._together = together
        self._greedy = greedy
        self._beginnings = beginnings
        self._places = places_of(block)
        self._after = after
        self.definitions: dict[int, str] = {}
        self.roots: list[int] = []

    def begin(self, instances: int) -> None:
        """Deploy two versions of the process, which are the same, and start so many instances of it."""
        for name in ("random.bpmn", "twin.bpmn"):
            self._deploy(write(self.models.values()), name)
        self._start(instances)

    def _deploy(self, content: bytes, name: str) -> None:
        deployed = tuple(c.DeployedProcess(process_id, None, None, ()) for process_id in self.models)
        checksum = hashlib.sha256(content).hexdigest()
        file = c.DeployedFile(name, checksum, content, deployed)
        entry = Entry(c.Deploy((file,)))
        self._run([entry])
        self.definitions |= {definition.key: definition.process_id for definition in entry.reply}

    def _start(self, instances: int) -> None:
        for number in range(instances):
            values = {"key": f'"k{number}"', "a": str(number), "b": "1", "items": "[1,2]"}
            picks = self._beginnings[number] if number < len(self._beginnings) and self._places else ()
            start_at = tuple(self._places[pick % len(self._places)] for pick in picks)
            entry = Entry(c.StartInstance(MAIN, variables=values, start_at=start_at))
            self._run([entry])
            self.roots.append(entry.reply.key)
        self.settle()

    def rows(self) -> Rows:
        return read_rows(self.database)

    def model_of(self, definition_key: int) -> Process:
        return self.models[self.definitions[definition_key]]

    def targets(self) -> list[Target]:
        rows = self.rows()
        return [Target(rows.of(key), key, f"k{number}") for number, key in enumerate(self.roots)]

    def follow(self, schedule: Iterable[Step], *, moving: bool = False) -> int:
        """Do everything a schedule says; with `moving`, move every instance before each step. Answers how
        often that was done."""
        moved = 0
        for step in schedule:
            moved += self.move_all() if moving else 0
            wanted = [
                action.command(target) if action is not None else None
                for action, target in zip(step.actions, self.targets(), strict=True)
            ]
            self.do([command for command in wanted if command is not None])
            if step.milliseconds:
                self.executor.advance(step.milliseconds)
            if step.settles:
                self.settle()
            else:
                self.go_on()
        return moved

    def move_all(self) -> int:
        """Move every instance that runs to the other version. Answers how many could be."""
        entries = [Entry(command) for command in to_twins(self.rows())]
        for entry in entries:
            self._run([entry])
        return sum(entry.error is None for entry in entries)

    def do(self, commands: Iterable[c.Command]) -> None:
        """Commands of different instances."""
        self._round([Entry(command) for command in commands])

    def settle(self) -> None:
        """Execute what commands left and what is due, until nothing is."""
        for _ in range(MAX_ROUNDS):
            if not self.go_on():
                return
        raise AssertionError(f"after {MAX_ROUNDS} rounds there is still something to do")

    def go_on(self) -> bool:
        """One round of what commands left, or, if they left nothing, of the timers that are due."""
        queues: dict[int | None, list[Entry]] = {}
        for row in self.executor.look(lambda transaction: transaction.commands(10_000)):
            queues.setdefault(row.root_key, []).append(Entry(c.decode(row.payload), row_key=row.key))
        if self._greedy or not queues:
            due = self.executor.look(lambda transaction: transaction.due_timers(10_000))
            root_of = {timer.key: timer.root_key for timer in self.rows().timers}
            for key in due:
                queues.setdefault(root_of[key], []).append(Entry(c.TriggerTimer(key)))
        if self._greedy:
            self._run([entry for queue in queues.values() for entry in queue])
        else:
            self._round([queues[root][0] for root in sorted(queues, key=lambda root: root or 0)])
        return bool(queues)

    def _round(self, entries: list[Entry]) -> None:
        """One entry for each of several instances."""
        if self._together:
            self._run(entries)
        else:
            for entry in entries:
                self._run([entry])

    def _run(self, entries: list[Entry]) -> None:
        if not entries:
            return
        self.executor.run(entries)
        if self._after is not None:
            self._after(self)

    def end_state(self) -> list[Rows]:
        """What each instance came to when nothing is left to do, comparable between databases."""
        self.settle()
        return [target.rows.normalised(self.definitions) for target in self.targets()]


@contextmanager
def world(empty: Path, folder: Path, block: b.Block, *, instances: int, **options: Any) -> Iterator[World]:
    """A world on a database of its own, where time stands still; the database is gone afterwards."""
    folder.mkdir()
    with stopped_time():
        made = World(copy_database(empty, folder / "test.db"), block, **options)
        try:
            made.begin(instances)
            yield made
        finally:
            made.executor.close()
            shutil.rmtree(folder)
