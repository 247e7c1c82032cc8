"""One run of a step, and what its job is answered: each answer carries the run's record."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from procession.broker import LostLease
from procession.client.job import Failure
from procession.engine.records import Job
from procession.process.masking import cut
from procession.process.moments import at
from procession.process.recording import KeptRun, Recorder
from procession.process.result import ProcessResult
from procession.process.status import Status

RUN = "run_"
"""Local variables that begin so are records of runs."""
HELD = "step_status"
"""A local variable: what the last failed run left the process at."""
LOST = "its worker was lost: the lease ended without an answer"
_NONE = timedelta(0)


def lost_run(step: str, record: Job, lost: LostLease) -> dict[str, KeptRun]:
    """The record of a run that left none, by its name: that of whoever had the job before.

    When it began nobody knows any more, nor whether it did.
    """
    moment = at(lost.ended_at)
    run = KeptRun(
        step=step,
        status=Status.RETRY,
        message=LOST,
        started_at=moment,
        ended_at=moment,
        attempt=record.failures + 1,
        worker=lost.worker,
    )
    return {f"{RUN}{lost.ended_at}_{lost.number}": run}


class Attempt:
    """One run of a step, which began at `began`; `now` is the engine's time, both in milliseconds."""

    __slots__ = ("_began", "_now", "_record", "_recorder", "_step", "number")

    def __init__(
        self, step: str, record: Job, recorder: Recorder, began: int, now: Callable[[], int]
    ) -> None:
        self._step = step
        self._record = record
        self._recorder = recorder
        self._began = began
        self._now = now
        self.number = record.failures + 1

    def done(self, result: ProcessResult, changes: dict[str, Any]) -> dict[str, Any]:
        """The step is done: variables that change, with the run's record."""
        changes[self.name] = self.run(result.status, result.message, result.data)
        return changes

    def held(self, status: Status, message: str, data: Any = None) -> Failure:
        """The process is held here until somebody helps."""
        run = self.run(status, message, data)
        shown = f"{status}: {cut(message)}"
        return Failure(shown, retries=0, backoff=_NONE, variables={HELD: status, self.name: run})

    def tried(self, message: str, left: int, wait: timedelta) -> Failure:
        """The step is tried again after `wait`, at most `left` times more."""
        run = self.run(Status.RETRY, message, wait=wait)
        return Failure(
            cut(message), retries=left, backoff=wait, variables={HELD: Status.RETRY, self.name: run}
        )

    @property
    def name(self) -> str:
        """Of the variable with the run's record. Leases are numbered, so no run ever has another one's."""
        return f"{RUN}{self._began}_{self._record.lease}"

    def run(self, status: Status, message: str, data: Any = None, wait: timedelta | None = None) -> KeptRun:
        """The run's record."""
        recorder, started_at, ended = self._recorder, at(self._began), self._now()
        ended_at = started_at if ended == self._began else at(ended)
        return KeptRun(
            step=self._step,
            status=status,
            message=cut(message),
            started_at=started_at,
            ended_at=ended_at,
            attempt=self.number,
            worker=self._record.worker,
            details=None if data is None else recorder.details(data),
            payloads=recorder.payloads,
            log=recorder.lines,
            left_out=recorder.left_out,
            retry_at=None if wait is None else ended_at + wait,
        )
