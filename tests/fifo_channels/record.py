"""What the journals say: runs of steps, what happened to their nodes, who started and abandoned what."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos.journal import Entry, read_journal


@dataclass(slots=True, kw_only=True)
class Run:
    """One run of a step. All times are nanoseconds of the machine's monotonic clock."""

    n: int
    step: str
    job: int
    lease: int
    pid: int
    begin: int
    end: int | None = None
    outcome: str | None = None

    def __str__(self) -> str:
        return f"process {self.n} step {self.step} (job {self.job} lease {self.lease}, pid {self.pid})"


@dataclass(slots=True, kw_only=True)
class Start:
    n: int
    called: int
    answered: int | None = None
    key: int | None = None


@dataclass(slots=True, kw_only=True)
class Span:
    since: int
    until: int


@dataclass(slots=True, kw_only=True)
class Record:
    runs: dict[int, list[Run]] = field(default_factory=lambda: defaultdict(list))
    """By process, in the order of their begin."""
    starts: dict[int, Start] = field(default_factory=dict)
    stops: dict[int, list[Span]] = field(default_factory=lambda: defaultdict(list))
    """By process number of the node."""
    ends: dict[int, Span] = field(default_factory=dict)
    """From the moment a node was to end until it certainly had."""
    restarts: list[Span] = field(default_factory=list)
    """Of the database's server."""
    abandoning: dict[int, int] = field(default_factory=dict)
    """By instance key: when it was first asked for, unless that was refused."""
    abandoned: dict[int, int] = field(default_factory=dict)
    """By instance key: when it was answered."""


def read_record(folder: Path) -> Record:
    record = Record()
    for entry in _entries(folder, "node-*.jsonl"):
        if entry["kind"] == "begin":
            _begin(record, entry)
    runs = {(run.job, run.lease): run for runs in record.runs.values() for run in runs}
    for entry in _entries(folder, "node-*.jsonl"):
        if entry["kind"] == "end":
            run = runs[entry["job"], entry["lease"]]
            run.end, run.outcome = entry["at"], entry["outcome"]
    for runs_of_one in record.runs.values():
        runs_of_one.sort(key=lambda run: run.begin)
    _read_starts(record, folder)
    _read_abandons(record, folder)
    for entry in _entries(folder, "dangers.jsonl"):
        span = Span(since=entry["since"], until=entry["until"])
        if entry["kind"] == "stopped":
            record.stops[entry["pid"]].append(span)
        elif entry["kind"] == "server":
            record.restarts.append(span)
        else:
            record.ends[entry["pid"]] = span
    return record


def _entries(folder: Path, names: str) -> Iterator[Entry]:
    for path in sorted(folder.glob(names)):
        yield from read_journal(path)


def _begin(record: Record, entry: Entry) -> None:
    run = Run(
        n=entry["n"],
        step=entry["step"],
        job=entry["job"],
        lease=entry["lease"],
        pid=entry["pid"],
        begin=entry["at"],
    )
    record.runs[run.n].append(run)


def _read_starts(record: Record, folder: Path) -> None:
    for entry in _entries(folder, "starter.jsonl"):
        if entry["kind"] == "start?":
            record.starts[entry["n"]] = Start(n=entry["n"], called=entry["at"])
        else:
            start = record.starts[entry["n"]]
            start.answered, start.key = entry["at"], entry["key"]


def _read_abandons(record: Record, folder: Path) -> None:
    for entry in _entries(folder, "operator.jsonl"):
        if entry["kind"] == "abandoning":
            for key in entry["keys"]:
                record.abandoning.setdefault(key, entry["at"])
        else:
            for key in entry["done"]:
                record.abandoned.setdefault(key, entry["at"])
            for key in set(entry["refused"]) - record.abandoned.keys():
                del record.abandoning[key]
