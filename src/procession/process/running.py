"""Running one step: from a job to what becomes of it."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable, Coroutine
from types import CoroutineType
from typing import Any, TypeVar

import msgspec

from procession.broker import ActivatedJob
from procession.client.job import Failure, Job, JobHandler, NotBegun, idempotency_key
from procession.engine.records import Job as JobRecord
from procession.errors import ProcessEnded, ProcessError
from procession.process.attempts import Attempt, lost_run
from procession.process.base import Process
from procession.process.blueprint import Blueprint, Step
from procession.process.cool_down import Gate
from procession.process.masking import Masks
from procession.process.recording import Recorder, StepLog, running
from procession.process.result import Processable, ProcessResult
from procession.process.status import GOING_ON, HOLDING, Status, graver

T = TypeVar("T")

GOTO = "goto_step"
_decode = msgspec.json.Decoder().decode
_decode_processable = msgspec.json.Decoder(Processable | None).decode
_NULL, _NOTHING = "null", "{}"
_SUCCESS = Status.SUCCESS
_IS_SKIPPED = f'"{Status.SKIPPED}"'
_BEFORE_STEP = ("boot", "before_next_step")
_BEFORE_FIRST_STEP = ("boot", "validate", "before_next_step")


class Mistake(Exception):
    """The step's program is wrong: it answered what no step may answer."""


class _Retry(Exception):
    """A step answered that it wants to be tried again."""


class StepHandler(JobHandler):
    """Handles the jobs of a step; async if the step is.

    Args:
        now: the engine's time in milliseconds.
        gate: whether steps may begin.
        shut: called when one could not.
    """

    fetch = ("meta", "processable", "channel", "status")

    def __init__(
        self,
        blueprint: Blueprint,
        step: Step,
        now: Callable[[], int],
        gate: Gate,
        shut: Callable[[], object],
    ) -> None:
        self.is_async = step.is_async
        self._blueprint = blueprint
        self._step = step
        self._now = now
        self._gate = gate
        self._shut = shut
        self._later = blueprint.later_than(step.name)
        self._masks = Masks(blueprint.kind.SECRETS)
        self._logger = logging.getLogger(f"procession.process.{blueprint.process_id}")
        self._log = StepLog(self._logger)
        names = _BEFORE_FIRST_STEP if blueprint.steps[0] is step else _BEFORE_STEP
        self._hooks = [getattr(blueprint.kind, name) for name in names if blueprint.has_own(name)]
        self._work = self._do_or_handle if blueprint.has_own("handle_exception") else self._do

    def call(self, job: Job, activated: ActivatedJob) -> Any:
        """See `JobHandler`; raises `NotBegun` while no step may begin."""
        now = self._now()
        if self._gate.is_shut(now):
            self._shut()
            raise NotBegun
        if activated.lost is not None:  # at once: this run may be lost as well
            job.keep(lost_run(self._step.name, activated.record, activated.lost))
        run = self._run(activated, now)
        return run if self.is_async else _drive(run)

    async def _run(self, activated: ActivatedJob, now: int) -> dict[str, Any]:
        texts = activated.variables
        recorder = Recorder(self._log, self._masks, self._now)
        attempt = Attempt(self._step.name, activated.record, recorder, now, self._now)
        if texts.get("status") == _IS_SKIPPED:
            return attempt.done(ProcessResult("The process has ended", status=Status.SKIPPED), {})
        token = running.set(recorder)
        try:
            process = self._make(activated.record, texts, recorder)
            result = await self._work(process)
            return attempt.done(result, self._changes(process, texts, result))
        except ProcessEnded as ended:
            result = ProcessResult(ended.message, data=ended.data, status=Status.SKIPPED)
            changes = self._changes(process, texts, result)
            return attempt.done(result, changes | {"status": Status.SKIPPED})
        except (Exception, SystemExit) as error:
            raise self._failure(attempt, error) from error
        finally:
            running.reset(token)

    def _make(self, record: JobRecord, texts: dict[str, str], recorder: Recorder) -> Process:
        kind, meta = self._blueprint.kind, texts.get("meta", _NOTHING)
        return kind(
            key=record.instance_key,
            step=self._step.name,
            attempt=record.failures + 1,
            idempotency_key=idempotency_key(record.key),
            processable=_decode_processable(texts.get("processable", _NULL)),
            channel_name=_decode(texts.get("channel", _NULL)) or kind.channel.name,
            meta={} if meta == _NOTHING else self._document(meta),
            recorder=recorder,
        )

    def _document(self, text: str) -> dict[str, Any]:
        """What the process has as its `meta`: a new one each time."""
        meta = _decode(text)
        if not isinstance(meta, dict):
            return {}
        if isinstance(meta.get(GOTO), str):  # an older version may have named it
            meta[GOTO] = self._blueprint.renamed(meta[GOTO])
        return meta

    async def _do(self, process: Process) -> ProcessResult:
        """The step with what is called before it."""
        meta = process.meta
        if GOTO in meta and self._is_passed_over(meta):
            return self._passed_over(meta)
        for hook in self._hooks:
            await _awaited(hook(process))
        meta = process.meta
        if GOTO in meta:
            if self._is_passed_over(meta):
                return self._passed_over(meta)
            del meta[GOTO]
        answer = self._step.call(process)
        if answer.__class__ is CoroutineType:
            answer = await answer
        elif answer is not None and answer.__class__ is not ProcessResult:
            answer = await _awaited(answer)
        return self._checked(answer)

    async def _do_or_handle(self, process: Process) -> ProcessResult:
        """The same, and what the process does with an exception."""
        try:
            return await self._do(process)
        except (ProcessEnded, ProcessError, Mistake, _Retry):
            raise
        except Exception as error:
            instead = await _awaited(process.handle_exception(error))
            if instead is None:
                raise
            return self._checked(instead)

    def _is_passed_over(self, meta: dict[str, Any]) -> bool:
        return meta.get(GOTO) not in (None, self._step.name)

    def _passed_over(self, meta: dict[str, Any]) -> ProcessResult:
        self._check_goto(meta)
        return ProcessResult(f"Passed over on the way to {meta[GOTO]}", status=Status.SKIPPED)

    def _checked(self, result: Any) -> ProcessResult:
        """What a step may answer; errors answered are errors raised."""
        if result is None:
            return ProcessResult()
        if result.__class__ is ProcessResult and result.status is _SUCCESS and not result.meta:
            return result
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

    def _changes(self, process: Process, texts: dict[str, str], result: ProcessResult) -> dict[str, Any]:
        """The variables that are not any more what they were."""
        changes: dict[str, Any] = {}
        meta, was = process.meta, texts.get("meta", _NOTHING)
        if result.meta:
            meta = meta | result.meta
        if meta != ({} if was == _NOTHING else self._document(was)):
            changes["meta"] = meta
        if result.data is not None:
            changes["result"] = result.data
        said = texts.get("status", _NULL)
        if said == _NULL and result.status is _SUCCESS:
            if not self._later:
                changes["status"] = _SUCCESS
            return changes
        before = None if said == _NULL else Status(_decode(said))
        ends_with = graver(before, result.status)
        if ends_with is not (before or _SUCCESS) or (before is None and not self._later):
            changes["status"] = ends_with
        return changes

    def _failure(self, attempt: Attempt, error: BaseException) -> Failure:
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


async def _awaited(value: Awaitable[T] | T) -> T:
    return await value if inspect.isawaitable(value) else value


def _drive(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in which nothing ever waits: all that it calls is plain."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        value: T = stop.value
        return value
    coroutine.close()
    raise Mistake("a plain step answered something to wait for: make it `async def`")
