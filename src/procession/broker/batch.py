"""A batch: commands executed and committed in one transaction, with the replies it owes.

A pass runs every command on the unit of work. What was missed is loaded and the pass repeated with
the same time, keys and seed. A command that fails for a reason nobody foresaw is left out of the
next pass and its root gets an incident; the others commit.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Container, Iterable, Mapping
from typing import Any, TypeVar

import msgspec

from procession import engine
from procession.broker.graphs import GraphCache
from procession.broker.jobs import (
    ActivatedJob,
    Handed,
    JobBoard,
    JobStream,
    LostLease,
    declare_activation,
    describe,
)
from procession.broker.keys import KeysExhausted, KeySource
from procession.broker.replies import Submission
from procession.engine import Missed, Reads, Run
from procession.engine import commands as c
from procession.engine.handlers.timers import disarm
from procession.engine.incidents import cut
from procession.engine.records import COMPLETED, IncidentRecord, IncidentType
from procession.errors import Aborted, AlreadyExists, NotFound, ProcessionError
from procession.storage.port import Transaction

T = TypeVar("T")
log = logging.getLogger("procession.broker")

MAX_ROUNDS = 2000
"""Loads of one batch. A handful is usual; each process called in one go takes two, and one command
takes at most a thousand transitions."""


class Entry(msgspec.Struct, eq=False, gc=False):
    """A command in a batch, and what became of it.

    The collector does not look into it (there is one for each command), so nothing in it may lead back
    to it: errors come without their tracebacks, whose frames would.
    """

    command: c.Command
    submission: Submission | None = None
    """Who asked for it: nobody, where it is durable."""
    row_key: int | None = None
    """Of the durable row it came from, which goes with it."""
    target: engine.Target | None = None
    reply: Any = None
    error: ProcessionError | None = None
    poison: BaseException | None = None
    root_key: int | None = None
    poison_text: str = ""


class InternalError(ProcessionError):
    """A command failed for a reason nobody foresaw; nothing of it happened."""


class Batch:
    """One transaction's work. `run` may be called once."""

    def __init__(
        self,
        transaction: Transaction,
        graphs: GraphCache,
        keys: KeySource,
        entries: list[Entry],
        watched: Iterable[int] = (),
        awaited: Container[int] = (),
    ) -> None:
        self.unit = transaction.unit()
        self.activated: list[tuple[JobStream, ActivatedJob]] = []
        """The jobs handed out, as their workers get them."""
        self.results: dict[int, dict[str, str] | ProcessionError] = {}
        """Root variables of awaited instances that have ended, or why there are none."""
        self._transaction = transaction
        self._graphs = graphs
        self._keys = keys
        self.entries, self.postponed = self._lock(entries)
        """What this transaction carries out, and what must wait for another."""
        self._watched = watched
        """Instances somebody began to wait for: they may have ended before."""
        self._awaited = awaited
        """Instances somebody waits for."""
        self._trusting = True
        """Commands that expect to know what they read do not declare it first, until one misses something."""

    @property
    def worked(self) -> bool:
        """Whether there was anything it could do."""
        return bool(self.entries)

    def run(self, board: JobBoard | None) -> None:
        """Execute, hand jobs out, and write; the caller commits.

        Raises:
            StorageError: the database cannot be used.
            KeysExhausted: more keys are needed; begin again with more.
        """
        self._load_targets()
        for _ in range(MAX_ROUNDS):
            want = Reads(self.unit, self._graphs.get)
            if self._pass(want):
                break
            self._load(want)
        else:
            raise RuntimeError(f"a batch still misses records after {MAX_ROUNDS} rounds")
        if board is not None:
            self.activated = self._describe(board.assign(self.unit, self._transaction), board.lost)
        self._collect_results()
        self._transaction.write(self.unit)

    def _lock(self, entries: list[Entry]) -> tuple[list[Entry], list[Entry]]:
        """The entries whose roots this transaction got, and those that must wait for another."""
        for entry in entries:
            entry.target = engine.target(entry.command)
        targets = {entry.target for entry in entries if entry.target is not None}
        granted = self._transaction.lock(targets)
        if len(granted) == len(targets):
            return entries, []
        ours: list[Entry] = []
        postponed: list[Entry] = []
        for entry in entries:
            (ours if entry.target is None or entry.target in granted else postponed).append(entry)
        return ours, postponed

    def _load_targets(self) -> None:
        """The records that commands name come first: what else is read follows from them."""
        want = Reads(self.unit, self._graphs.get)
        owners = self.unit.known.owners
        for entry in self.entries:
            if entry.target is not None and entry.target[1] not in owners:
                table, key = entry.target
                want.keys.setdefault(table, set()).add(key)
            if entry.row_key is not None:
                want.keys.setdefault("command", set()).add(entry.row_key)
        for key in self._watched:
            if key not in owners:
                want.keys.setdefault("process_instance", set()).add(key)
        self._load(want)

    def _pass(self, want: Reads) -> bool:
        """Run every command once. False if something was missed (noted in `want`)."""
        self.unit.reset()
        self._keys.rewind()
        entries = [entry for entry in self.entries if entry.poison is None]
        self._load_for(entries)
        run = self._new_run()
        for entry in entries:
            if not self._attempt(entry, run, want):
                return False
        follow_up = [Entry(command) for command in self._drain(run)]
        while follow_up and not want:
            self._load_for(follow_up)
            for entry in follow_up:
                self._attempt(entry, run, want)
            follow_up = [Entry(command) for command in self._drain(run)]
        if want:
            self._trusting = False
            return False
        self._note_poison(run)
        return True

    def _describe(
        self, handed: Handed, lost: Mapping[int, LostLease]
    ) -> list[tuple[JobStream, ActivatedJob]]:
        """The jobs handed out. What is usually known already is not asked for first."""

        def described() -> list[tuple[JobStream, ActivatedJob]]:
            return [
                (stream, describe(self.unit, stream, job, self._graphs.get, lost.get(job.key)))
                for stream, job in handed
            ]

        try:
            return described()
        except Missed:
            self._load_asking(handed, lambda one, want: declare_activation(want, *one))
        return described()

    def _load_for(self, entries: list[Entry]) -> None:
        """Load what the commands declare; those that are content are not asked again."""
        if self._trusting:
            entries = [entry for entry in entries if not self._expects_to_know(entry)]
            if not entries:
                return
        self._load_asking(entries, lambda entry, want: engine.declare(entry.command, want))

    def _expects_to_know(self, entry: Entry) -> bool:
        if entry.target is not None:
            return entry.target[1] in self.unit.known.owners
        return engine.expects_to_know(entry.command, self.unit)

    def _load_asking(self, items: list[T], declare: Callable[[T, Reads], bool]) -> None:
        """Load what each item declares; those that are content are not asked again."""
        for _ in range(MAX_ROUNDS):
            want = Reads(self.unit, self._graphs.get)
            items = [item for item in items if declare(item, want)]
            if not want:
                return
            self._load(want)
            if not items:
                return

    def _new_run(self) -> Run:
        clock = self._transaction.clock
        return Run(
            self.unit,
            now=clock.now,
            keys=self._keys.next,
            graphs=self._graphs.get,
            zone=clock.zone,
            seed=clock.now,
        )

    def _drain(self, run: Run) -> list[c.Command]:
        commands, run.follow_ups = run.follow_ups, []
        return commands

    def _attempt(self, entry: Entry, run: Run, want: Reads) -> bool:
        """Run one command. False if the pass has to start over without it."""
        entry.error = None
        run.root_key = 0
        try:
            if self._take_row(entry):
                entry.reply = engine.execute(entry.command, run)
        except Missed as missed:
            want.note(missed)
            engine.foresee(run, want)
            run.queue.clear()
            run.settle.clear()
        except ProcessionError as error:
            entry.error = error.with_traceback(None)
            self._keep_refused(entry, run)
        except KeysExhausted:
            raise
        except Exception as error:
            if want:
                return True  # it may only have stumbled over what an earlier command missed
            log.exception("a command failed and is left out: %r", entry.command)
            entry.poison = error.with_traceback(None)
            entry.root_key = run.root_key or None
            return False
        return True

    def _take_row(self, entry: Entry) -> bool:
        """The durable row goes with its command. False if another node has carried that out meanwhile."""
        if entry.row_key is None:
            return True
        row = self.unit.commands.get(entry.row_key)
        if row is not None:
            self.unit.commands.remove(row)
        return row is not None

    def _note_poison(self, run: Run) -> None:
        """An incident for each root that was dropped; its durable commands wait there."""
        for entry in self.entries:
            if entry.poison is None or not self._take_row(entry):
                continue
            entry.poison_text = repr(entry.poison)
            entry.error = InternalError(f"the command failed unexpectedly: {entry.poison_text}")
            self._find_root(entry)
            payload = self._what_to_repeat(entry)
            if entry.root_key is not None or payload is not None:
                self._add_incident(entry, run, payload)

    def _find_root(self, entry: Entry) -> None:
        """The root of a command that failed before it said where it works."""
        if entry.root_key is None and entry.target is not None:
            table, key = entry.target
            record = self.unit.by_name[table].get(key)
            entry.root_key = record.root_key if record is not None else None

    def _what_to_repeat(self, entry: Entry) -> bytes | None:
        """What resolving runs again: durable commands, which nobody else would repeat."""
        if isinstance(entry.command, c.TriggerTimer):
            timer = self.unit.timers.get(entry.command.key)
            if timer is not None:
                disarm(timer)
            return c.encode(c.TriggerTimer(entry.command.key, forced=True))
        return c.encode(entry.command) if entry.row_key is not None else None

    def _keep_refused(self, entry: Entry, run: Run) -> None:
        """A durable command has nobody to answer: refused, it waits as an incident."""
        if entry.row_key is None or isinstance(entry.error, AlreadyExists):
            return
        if isinstance(entry.command, c.CompleteJob):
            log.warning("a job was completed too late: %s", entry.error)
        else:
            entry.poison_text = str(entry.error)
            self._add_incident(entry, run, c.encode(entry.command))

    def _add_incident(self, entry: Entry, run: Run, payload: bytes | None) -> None:
        root_key = entry.root_key or 0
        self.unit.incidents.add(
            IncidentRecord(
                run.new_key(),
                root_key,
                root_key,
                None,
                None,
                None,
                IncidentType.UNKNOWN.value,
                cut(f"{type(entry.command).__name__} failed: {entry.poison_text}"),
                run.now,
                payload,
            )
        )

    def _load(self, want: Reads) -> None:
        if want.graphs:
            self._graphs.load(self._transaction, want.graphs)
        if want.keys or want.finds:
            self._transaction.load(want)

    def _collect_results(self) -> None:
        instances, variables = self.unit.instances, self.unit.variables
        started = {
            entry.reply.key
            for entry in self.entries
            if entry.submission is not None and entry.submission.ended is not None and entry.error is None
        }
        for key in self._watched:
            if instances.get(key) is None:
                self.results[key] = NotFound(f"there is no process instance with key {key}", key=key)
        ended = [
            instance
            for instance in instances.live.values()
            if instance.ended_at is not None and (instance.key in self._awaited or instance.key in started)
        ]
        completed = [instance.key for instance in ended if instance.state == COMPLETED]

        want = Reads(self.unit, self._graphs.get)
        for key in completed:
            if not variables.found("scope", key):
                want.find(variables, "scope", key)
        self._load(want)
        for instance in ended:
            if instance.state != COMPLETED:
                self.results[instance.key] = Aborted(
                    f"process instance {instance.key} was terminated and has no result", key=instance.key
                )
        for key in completed:
            self.results[key] = {v.name: v.value for v in variables.find("scope", key)}
