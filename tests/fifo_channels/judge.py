"""Holds what the journals say to what is promised. Knows nothing of the engine, and trusts no row of it.

A process has its turn from the begin of its first run until its last one is over. Two turns never overlap.
One thing may: the run of a handler that outlives its lease. It is recognised by its fencing number and by
its node's fate: a run of the same job with a higher lease began (or the operator abandoned the process),
and its own node was stopped, with that lease, for longer than the lease lasts without a renewal. It counts
as over from that later begin on; until then it counts like any other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from procession.process import Process

from .bookings import LEASE
from .record import Record, Run, Span, Start

RENEWED = 2 / 3
"""The share of a lease that is left at least when its node is stopped: it is renewed after each third."""
WRITTEN_NS = 100_000_000
"""So soon a begin is written down after its node has looked at the lease, unless it is stopped in between."""
MOST = 50
"""Complaints that are listed."""


@dataclass(slots=True, kw_only=True)
class Turn:
    """What a process had of the channel."""

    n: int
    first: Run
    last: Run
    until: int


class Judge:
    def __init__(self, record: Record, kinds: Mapping[int, type[Process]]) -> None:
        self._record = record
        self._kinds = kinds
        self._key_of = {n: start.key for n, start in record.starts.items()}
        self.stale: list[Run] = []
        """Those that outlived their leases."""
        self._over: dict[tuple[int, int], int] = {}
        """When a run is over, by job and lease."""
        for runs in record.runs.values():
            for run in runs:
                self._over[run.job, run.lease] = self._over_at(run, runs)

    # --- when a run is over -----------------------------------------------------------------------

    def _over_at(self, run: Run, runs: Iterable[Run]) -> int:
        ended = self._record.ends.get(run.pid)
        if run.end is not None:
            end = run.end
        elif ended is not None:
            end = ended.until
        else:
            end = 1 << 62
        superseded = self._superseded_at(run, runs)
        if superseded is None or superseded >= end or not self._was_stopped(run, runs, superseded):
            return end
        self.stale.append(run)
        return superseded

    def _superseded_at(self, run: Run, runs: Iterable[Run]) -> int | None:
        """When its lease was certainly somebody else's, or nobody's any more."""
        later = [one.begin for one in runs if one.job == run.job and one.lease > run.lease]
        abandoning = self._record.abandoning.get(self._key_of.get(run.n) or -1)
        return min([*later, *([] if abandoning is None else [abandoning])], default=None)

    def _was_stopped(self, run: Run, runs: Iterable[Run], superseded: int) -> bool:
        """Whether its node was stopped, long enough, while it may have had this lease."""
        earliest = max(
            [
                one.begin
                for one in runs
                if one is not run
                and one.begin < superseded
                and not (one.job == run.job and one.lease > run.lease)
            ]
            + [self._record.starts[run.n].called]
        )
        earliest = min(earliest, run.begin)
        long = LEASE.total_seconds() * 1e9 * RENEWED
        return any(
            stop.until - stop.since >= long and stop.since < superseded and stop.until > earliest
            for stop in self._record.stops.get(run.pid, ())
        )

    # --- the promises -----------------------------------------------------------------------------

    def complaints(self) -> list[str]:
        """What is wrong; empty if nothing is."""
        turns = sorted(self._turns(), key=lambda turn: turn.first.begin)
        found = [*self._one_at_a_time(turns), *self._in_order(turns), *self._complete()]
        return found[:MOST]

    def _turns(self) -> Iterator[Turn]:
        for n, runs in self._record.runs.items():
            valid = [run for run in runs if run.begin < self._over[run.job, run.lease]]
            if valid:
                until = max(self._over[run.job, run.lease] for run in valid)
                yield Turn(n=n, first=valid[0], last=valid[-1], until=until)

    def _one_at_a_time(self, turns: list[Turn]) -> Iterator[str]:
        before: Turn | None = None
        for turn in turns:
            if before is not None and turn.first.begin < before.until:
                early = (before.until - turn.first.begin) / 1e6
                yield f"two at once: {turn.first} began {early:.1f} ms before {before.last} was over"
            if before is None or turn.until > before.until:
                before = turn

    def _in_order(self, turns: list[Turn]) -> Iterator[str]:
        latest: Start | None = None
        for turn in turns:
            start = self._record.starts.get(turn.n)
            if start is None:
                yield f"nobody started process {turn.n}"
                continue
            if latest is not None and start.answered is not None and start.answered < latest.called:
                yield f"out of order: process {latest.n} began before {turn.n}, which was started before it"
            if latest is None or start.called > latest.called:
                latest = start

    def _complete(self) -> Iterator[str]:
        for n in self._kinds:
            start = self._record.starts.get(n)
            if start is None or start.answered is None or start.key is None:
                yield f"process {n} was never started"
                continue
            yield from self._course(n, start.key)

    def _course(self, n: int, key: int) -> Iterator[str]:
        """Its steps, one after the other, each done once; unless it was abandoned, to their end."""
        runs = [run for run in self._record.runs.get(n, []) if run.begin < self._over[run.job, run.lease]]
        steps = list(self._kinds[n].STEPS)
        before: Run | None = None
        for run in runs:
            allowed = steps[:1] if before is None else self._after(before, run, steps)
            if run.step not in allowed:
                yield f"{run} came after {before} ({before.outcome if before else None}); allowed: {allowed}"
            if before is not None and run.begin < self._over[before.job, before.lease]:
                yield f"twice at once: {run} and {before}"
            before = run
        if key in self._record.abandoned:
            if before is not None and before.begin > self._record.abandoned[key]:
                yield f"{before} began after it had been abandoned"
        elif key not in self._record.abandoning and not (
            before is not None and before.outcome == "done" and before.step == steps[-1]
        ):
            yield f"process {n} did not come to its end: {before} ({before.outcome if before else None})"

    def _after(self, before: Run, run: Run, steps: list[str]) -> list[str]:
        """The steps that may follow."""
        same = [before.step] if run.job == before.job and run.lease > before.lease else []
        outcome = before.outcome
        if outcome in ("retry", "error", "exception", None):
            return same
        target = outcome.removeprefix("goto ") if outcome.startswith("goto ") else None
        place = steps.index(before.step) + 1
        following = [target] if target is not None else steps[place : place + 1]
        return [*following, *(same if self._answer_may_be_lost(before, run) else [])]

    def _answer_may_be_lost(self, before: Run, run: Run) -> bool:
        """Whether its node was killed or stopped before the next run, or another one in everybody's way, or
        the database's server."""
        ended = self._record.ends.get(before.pid)
        spans = [span for spans in self._record.stops.values() for span in spans] + self._record.restarts
        if ended is not None:
            spans.append(ended)
        return any(_meets(span, before.begin - WRITTEN_NS, run.begin) for span in spans)


def _meets(span: Span, since: int, until: int) -> bool:
    return span.since < until and span.until > since


def figures(record: Record, judge: Judge) -> dict[str, int]:
    runs = [run for runs in record.runs.values() for run in runs]
    counts: dict[str, int] = defaultdict(int)
    for run in runs:
        counts[(run.outcome or "cut off").split()[0]] += 1
    return {
        "runs": len(runs),
        **counts,
        "outlived their lease": len(judge.stale),
        "abandoned": len(record.abandoned),
    }
