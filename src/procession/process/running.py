"""Running one step: from a job to what becomes of it, with its record."""

from __future__ import annotations

import copy
import inspect
import logging
from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import msgspec

from procession.client.job import Failure, Job, NotBegun
from procession.errors import ProcessEnded, ProcessError
from procession.process.base import Process
from procession.process.blueprint import Blueprint, Step
from procession.process.masking import Masks, cut
from procession.process.recording import Recorder, StepRun, running
from procession.process.result import Processable, ProcessResult
from procession.process.status import GOING_ON, HOLDING, Status, graver

T = TypeVar("T")

RUN = "run_"
"""Local variables that begin so are records of runs."""
HELD = "step_status"
"""A local variable: what the last failed run left the process at."""
GOTO = "goto_step"
_NONE = timedelta(0)


class Mistake(Exception):
    """The step's program is wrong: it answered what no step may answer."""


class _Retry(Exception):
    """A step answered that it wants to be tried again."""


def handler(
    blueprint: Blueprint, step: Step, now: Callable[[], datetime], may_begin: Callable[[], bool]
) -> Callable[..., Any]:
    """What handles the jobs of a step; async if the step is.

    Args:
        now: the engine's time.
        may_begin: whether steps begin at all just now.
    """
    later = blueprint.later_than(step.name)
    runner = _Runner(blueprint, step, now, later)

    async def work(
        job: Job, meta: Any = None, processable: Any = None, channel: Any = None, status: Any = None
    ) -> dict[str, Any]:
        if not may_begin():
            raise NotBegun
        return await runner.run(job, meta, processable, channel, status)

    if step.is_async:
        return work

    def plainly(
        job: Job, meta: Any = None, processable: Any = None, channel: Any = None, status: Any = None
    ) -> dict[str, Any]:
        return _drive(work(job, meta, processable, channel, status))

    return plainly


def _drive(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in which nothing ever waits: all that it calls is plain."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        value: T = stop.value
        return value
    coroutine.close()
    raise Mistake("a plain step answered something to wait for: make it `async def`")


async def _call(value: Awaitable[T] | T) -> T:
    if value is None or isinstance(value, ProcessResult):  # the usual answers of what is plain
        return value
    return await value if inspect.isawaitable(value) else value


class _Runner:
    def __init__(
        self, blueprint: Blueprint, step: Step, now: Callable[[], datetime], later: tuple[str, ...]
    ) -> None:
        self._blueprint = blueprint
        self._step = step
        self._now = now
        self._later = later
        self._is_first = blueprint.steps[0] is step
        self._masks = Masks(blueprint.kind.SECRETS)
        self._logger = logging.getLogger(f"procession.process.{blueprint.process_id}")

    async def run(self, job: Job, meta: Any, processable: Any, channel: Any, status: Any) -> dict[str, Any]:
        before = meta if isinstance(meta, dict) else {}
        if isinstance(before.get(GOTO), str):  # an older version may have named it
            before = before | {GOTO: self._blueprint.renamed(before[GOTO])}
        attempt = _Attempt(job, self._step, self._masks, self._now, self._logger)
        if status == Status.SKIPPED:
            return attempt.done(ProcessResult("The process has ended", status=Status.SKIPPED), {})
        process = self._make(job, before, processable, channel, attempt.recorder)
        token = running.set(attempt.recorder)
        try:
            return self._changes(attempt, process, before, status, await self._result(process))
        except ProcessEnded as ended:
            result = ProcessResult(ended.message, data=ended.data, status=Status.SKIPPED)
            changes = self._changes(attempt, process, before, status, result)
            return changes | {"status": Status.SKIPPED}
        except (Exception, SystemExit) as error:
            raise self._failure(attempt, error) from error
        finally:
            running.reset(token)

    def _make(self, job: Job, meta: dict[str, Any], processable: Any, channel: Any, rec: Recorder) -> Process:
        subject = None if processable is None else msgspec.convert(processable, Processable)
        return self._blueprint.kind(
            key=job.instance_key,
            step=self._step.name,
            attempt=job.attempt,
            idempotency_key=job.idempotency_key,
            processable=subject,
            channel_name=channel or self._blueprint.kind.channel.name,
            meta=copy.deepcopy(meta),
            recorder=rec,
        )

    async def _result(self, process: Process) -> ProcessResult:
        if self._is_passed_over(process.meta):
            return self._passed_over(process.meta)
        try:
            result = await self._steps(process)
        except (ProcessEnded, ProcessError, Mistake):
            raise
        except Exception as error:
            instead = await _call(process.handle_exception(error))
            if instead is None:
                raise
            result = instead
        return self._checked(result)

    async def _steps(self, process: Process) -> Any:
        await _call(process.boot())
        if self._is_first:
            await _call(process.validate())
        await _call(process.before_next_step())
        if self._is_passed_over(process.meta):
            return self._passed_over(process.meta)
        process.meta.pop(GOTO, None)
        return await _call(self._step.call(process))

    def _is_passed_over(self, meta: dict[str, Any]) -> bool:
        return meta.get(GOTO) not in (None, self._step.name)

    def _passed_over(self, meta: dict[str, Any]) -> ProcessResult:
        self._check_goto(meta)
        return ProcessResult(f"Passed over on the way to {meta[GOTO]}", status=Status.SKIPPED)

    def _checked(self, result: Any) -> ProcessResult:
        """What a step may answer; errors answered are errors raised."""
        if result is None:
            return ProcessResult()
        if not isinstance(result, ProcessResult):
            raise Mistake(f"step {self._step.name!r} answered a {type(result).__name__}, no ProcessResult")
        if result.status in (Status.ERROR, Status.EXCEPTION):
            raise ProcessError(result.message, status=result.status, data=result.data)
        if result.status is Status.RETRY:
            raise _Retry(result.message)
        if result.status not in GOING_ON:
            raise Mistake(f"step {self._step.name!r} answered status {result.status}, which no step has")
        self._check_goto(result.meta)
        return result

    def _check_goto(self, meta: dict[str, Any]) -> None:
        target = meta.get(GOTO)
        if target is not None and target not in (*self._later, self._step.name):
            raise Mistake(f"goto_step names {target!r}, which is no step behind {self._step.name!r}")

    def _changes(
        self, attempt: _Attempt, process: Process, before: dict[str, Any], status: Any, result: ProcessResult
    ) -> dict[str, Any]:
        meta = process.meta | result.meta
        changes: dict[str, Any] = {} if meta == before else {"meta": meta}
        if result.data is not None:
            changes["result"] = result.data
        ends_with = graver(None if status is None else Status(status), result.status)
        if ends_with != (status or Status.SUCCESS) or (not self._later and status is None):
            changes["status"] = ends_with
        return attempt.done(result, changes)

    def _failure(self, attempt: _Attempt, error: BaseException) -> Failure:
        if isinstance(error, ProcessError):
            status = Status(error.status) if error.status in HOLDING else Status.ERROR
            return attempt.held(status, error.message, error.data)
        message = str(error) if isinstance(error, Mistake | _Retry) else f"{type(error).__name__}: {error}"
        if isinstance(error, Mistake) or type(error).__name__ in ("Incident", "BpmnError"):
            return attempt.held(Status.EXCEPTION, message)
        policy = self._step.retry
        left = policy.attempts - attempt.number
        self._logger.info("step %s failed (%d tries left): %s", self._step.name, left, message)
        if left <= 0:
            return attempt.held(Status.ERROR, f"{message} (after {attempt.number} tries)")
        return attempt.tried(message, left, policy.after(attempt.number))


class _Attempt:
    """One run of a step, and the answers to its job."""

    def __init__(
        self, job: Job, step: Step, masks: Masks, now: Callable[[], datetime], logger: logging.Logger
    ) -> None:
        self._job = job
        self._step = step
        self._now = now
        self.number = job.attempt
        self.began = now()
        self.recorder = Recorder(logger, masks, now)

    def done(self, result: ProcessResult, changes: dict[str, Any]) -> dict[str, Any]:
        return changes | self._record(result.status, result.message, result.data)

    def held(self, status: Status, message: str, data: Any = None) -> Failure:
        record = self._record(status, message, data)
        shown = f"{status}: {cut(message)}"
        return Failure(shown, retries=0, backoff=_NONE, variables={HELD: status, **record})

    def tried(self, message: str, left: int, wait: timedelta) -> Failure:
        record = self._record(Status.RETRY, message, None, retry_at=self._now() + wait)
        return Failure(cut(message), retries=left, backoff=wait, variables={HELD: Status.RETRY, **record})

    def _record(
        self, status: Status, message: str, data: Any, retry_at: datetime | None = None
    ) -> dict[str, Any]:
        recorder = self.recorder
        record = StepRun(
            step=self._step.name,
            status=status,
            message=cut(message),
            started_at=self.began,
            ended_at=self._now(),
            attempt=self.number,
            worker=self._job.worker,
            details=recorder.details(data),
            payloads=recorder.payloads,
            log=recorder.lines,
            left_out=recorder.left_out,
            retry_at=retry_at,
        )
        # Leases are numbered, so no run ever has the name of another one.
        return {f"{RUN}{milliseconds(self.began)}_{self._job.lease}": record}


def milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def at(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
