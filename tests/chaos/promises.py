"""What the journals hold: what clients and workers meant to do, and what they were told."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from .journal import Entry, read_journal
from .replay import Facts

MessageId = tuple[str, str, str]
"""Name, correlation key, message id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What a client wanted to be started."""

    facts: Facts
    elements: tuple[str, ...]
    """Where its tokens begin."""
    sure: bool
    """Whether it is repeated until it is acknowledged, and makes one instance however often it is sent.
    Otherwise a lost answer leaves one instance or none, and another try has a reference of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A job as it came to a worker. Times are the server's, in epoch milliseconds."""

    number: int | None
    """None over gRPC, where nobody is told."""
    since: int
    until: int
    """When it ends, unless it is renewed."""


@dataclass(slots=True, kw_only=True)
class Promises:
    """By kind."""

    meant: dict[str, Start] = field(default_factory=dict)
    """Starts that were intended, by reference."""
    started: dict[str, int | None] = field(default_factory=dict)
    """Starts that were acknowledged: reference -> instance key, where the answer told it."""
    meant_messages: set[MessageId] = field(default_factory=set)
    published: dict[MessageId, int | None] = field(default_factory=dict)
    """Message -> its key, where the answer told it."""
    published_by: dict[MessageId, int] = field(default_factory=dict)
    """Message -> when it was known to be published, at the latest; epoch milliseconds."""
    meant_broadcasts: set[str] = field(default_factory=set)
    """Names of signals."""
    completed: list[tuple[int, int | None]] = field(default_factory=list)
    """(job key, number of the lease it was completed under)."""
    handed: dict[int, list[Lease]] = field(default_factory=dict)
    """Job key -> leases, as workers got them."""
    failing: set[tuple[int, int | None]] = field(default_factory=set)
    """(job key, lease number) that a worker may have given back."""


def read_promises(journals: list[Path]) -> Promises:
    promises = Promises()
    for journal in journals:
        for entry in read_journal(journal):
            _add(entry, promises)
    return promises


def _add(entry: Entry, promises: Promises) -> None:
    match entry:
        case {
            "kind": "start?",
            "ref": str(ref),
            "facts": dict(facts),
            "elements": list(elements),
            "sure": bool(sure),
        }:
            promises.meant[ref] = Start(facts=facts, elements=tuple(elements), sure=sure)
        case {"kind": "started", "ref": str(ref), "key": key}:
            promises.started[ref] = key
        case {"kind": "broadcast?", "name": str(name)}:
            promises.meant_broadcasts.add(name)
        case {"kind": "publish?", "name": str(name), "ref": str(ref), "id": str(id_)}:
            promises.meant_messages.add((name, ref, id_))
        case {
            "kind": "published",
            "name": str(name),
            "ref": str(ref),
            "id": str(id_),
            "key": key,
            "at": int(at),
        }:
            message = (name, ref, id_)
            if promises.published.get(message) is None:
                promises.published[message] = key
            promises.published_by[message] = min(at, promises.published_by.get(message, at))
        case {"kind": "completed", "job": int(job), "lease": lease}:
            promises.completed.append((job, lease))
        case {
            "kind": "handed",
            "job": int(job),
            "lease": lease,
            "since": int(since),
            "until": int(until),
        }:
            promises.handed.setdefault(job, []).append(Lease(number=lease, since=since, until=until))
        case {"kind": "failing", "job": int(job), "lease": lease}:
            promises.failing.add((job, lease))
        case {"kind": "complete?" | "refused"}:
            return
        case _:
            raise ValueError(f"a journal holds {entry!r}")
