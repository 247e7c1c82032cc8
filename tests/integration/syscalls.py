"""Reading what strace saw: when marked data reached the write-ahead log, its disk, and the caller.

A line is `PID CALL(FD<PATH>, ...) = RESULT`; a call that others overtake is split into a line that
ends in `<unfinished ...>` and one that begins with `<... CALL resumed>`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_WHOLE = re.compile(r"^(\d+)\s+(\w+)\(\d+<([^>]*)>(.*)$")
_RESUMED = re.compile(r"^(\d+)\s+<\.\.\. \w+ resumed>(.*)$")
_UNFINISHED = "<unfinished ...>"
SYNCS = frozenset({"fsync", "fdatasync"})
WRITES = frozenset({"write", "pwrite64", "writev", "pwritev"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A system call on a file; `began` and `ended` number the lines."""

    name: str
    path: str
    data: str
    began: int
    ended: int
    failed: bool


def read_calls(lines: Iterable[str]) -> Iterator[Call]:
    """The calls in the order in which they ended."""
    pending: dict[str, tuple[str, str, str, int]] = {}
    for number, line in enumerate(lines):
        if whole := _WHOLE.match(line):
            pid, name, path, rest = whole.groups()
            if rest.endswith(_UNFINISHED):
                pending[pid] = name, path, rest, number
            else:
                yield _call(name, path, rest, number, number)
        elif resumed := _RESUMED.match(line):
            pid, rest = resumed.groups()
            if pid in pending:
                name, path, begun, began = pending.pop(pid)
                yield _call(name, path, begun + rest, began, number)


def _call(name: str, path: str, rest: str, began: int, ended: int) -> Call:
    failed = rest.rpartition(" = ")[2].startswith("-")
    return Call(name=name, path=path, data=rest, began=began, ended=ended, failed=failed)


def too_early(calls: Iterable[Call], marker: re.Pattern[str], *, log: str, replies: str) -> list[str]:
    """Markers that were in a reply before a sync of the log that began after they were written to it.

    `log` and `replies` are the endings of the two paths.
    """
    written: dict[str, int] = {}
    durable: dict[str, int] = {}
    early: list[str] = []
    waiting: set[str] = set()
    ordered = list(calls)
    for call in ordered:
        if call.path.endswith(log) and call.name in WRITES:
            fresh = set(marker.findall(call.data)) - written.keys()
            written.update(dict.fromkeys(fresh, call.ended))
            waiting |= fresh
        elif call.path.endswith(log) and call.name in SYNCS and not call.failed:
            for found in [m for m in waiting if written[m] < call.began]:
                durable[found] = call.ended
                waiting.discard(found)
    for call in ordered:
        if call.path.endswith(replies) and call.name in WRITES:
            early += [m for m in marker.findall(call.data) if m not in durable or durable[m] > call.began]
    return early
