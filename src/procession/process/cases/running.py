"""Running one stage: from a job to what its case does next."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec

from procession.client.job import Failure, Job
from procession.errors import CaseError, InvalidInput
from procession.process.cases.blueprint import CaseBlueprint, Stage
from procession.process.cases.context import Context
from procession.process.cases.hiding import Hiding
from procession.process.cases.keys import Keyring
from procession.process.cases.mistakes import Mistake, checked_json
from procession.process.cases.outcome import Fail, Finish, Next, Outcome, Request
from procession.process.cases.progress import (
    CASE,
    ERROR,
    FAILED,
    PAYLOAD,
    REPLY,
    REPLY_LATE,
    REQUEST,
    RESERVED,
    RESULT,
    Answered,
    Asked,
    CaseFailure,
    Move,
    Progress,
)
from procession.process.cases.task_id import TaskId
from procession.process.masking import cut

_NONE = timedelta(0)


class _Final(Exception):
    """The stage has failed for good."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.failure = (code, message)


class StageRunner:
    """Handles the jobs of one stage."""

    def __init__(self, blueprint: CaseBlueprint, stage: Stage, keys: Keyring, hiding: Hiding) -> None:
        self._blueprint = blueprint
        self._stage = stage
        self._keys = keys
        self._hiding = hiding
        self._call = getattr(blueprint.kind, stage.name)
        self._logger = logging.getLogger(f"procession.case.{blueprint.case_id}")

    @property
    def handler(self) -> Callable[..., Any]:
        """Async if the stage is; plain ones run on threads."""
        return self._run_async if self._stage.is_async else self._run_plain

    async def _run_async(self, job: Job) -> dict[str, Any]:
        run = _Run(self._blueprint, self._stage, self._hiding, self._logger, job)
        try:
            arguments = self._arguments(run)
            limit = (run.progress.timeout or self._stage.timeout).total_seconds()
            try:
                async with asyncio.timeout(limit) as limited:
                    answer = await self._call(self._blueprint.kind(), run.context, **arguments)
            except TimeoutError as error:
                if not limited.expired():
                    raise
                raise TimeoutError(f"the stage took longer than {limit:g} seconds") from error
            return self._ended(run, answer)
        except (Exception, SystemExit) as error:
            return self._failed(run, error)

    def _run_plain(self, job: Job) -> dict[str, Any]:
        run = _Run(self._blueprint, self._stage, self._hiding, self._logger, job)
        try:
            answer = self._call(self._blueprint.kind(), run.context, **self._arguments(run))
            if inspect.isawaitable(answer) and not isinstance(answer, Outcome):
                if inspect.iscoroutine(answer):
                    answer.close()
                raise Mistake("a plain stage answered something to wait for: make it `async def`")
            return self._ended(run, answer)
        except (Exception, SystemExit) as error:
            return self._failed(run, error)

    def _arguments(self, run: _Run) -> dict[str, Any]:
        if run.reply is not None and run.reply.late:
            raise _Final(REPLY_LATE, self._late(run))
        known = {
            "reply": None if run.reply is None else run.reply.body,
            "error": run.failure,
        }
        return {name: known[name] for name in self._stage.arguments}

    def _late(self, run: _Run) -> str:
        message = f"no reply to the request of {run.progress.asked} came in time"
        if self._blueprint.catcher is not None:
            return message
        return (
            f"{message}: cancel the case, or answer in the service's place with "
            f"set_variables({run.job.instance_key}, {{'{REPLY}': {{'body': ...}}}}) and resolve the incident"
        )

    # --- it ended well ------------------------------------------------------------------------------

    def _ended(self, run: _Run, answer: Any) -> dict[str, Any]:
        outcome = run.context.outcome
        if isinstance(answer, Outcome):
            if outcome is not None and outcome is not answer:
                raise Mistake(f"stage {self._stage.name!r} returned another ending than it asked for")
            outcome = answer
        elif answer is not None:
            run.context.data[self._stage.name] = answer
        if outcome is None:
            outcome = self._falls_through(run)
        return run.changes() | self._move(run, outcome)

    def _falls_through(self, run: _Run) -> Outcome:
        if not self._stage.catches:
            return Next()
        failure = run.failure or CaseFailure(code=FAILED, message="")
        return Fail(code=failure.code, message=failure.message)

    def _move(self, run: _Run, outcome: Outcome) -> dict[str, Any]:
        if isinstance(outcome, Next):
            return self._next(run, outcome)
        if isinstance(outcome, Request):
            return self._request(run, outcome)
        if isinstance(outcome, Finish):
            result = self._hiding.hidden(checked_json("the result", outcome.result))
            return run.at(Move.FINISH, run.stage) | {RESULT: result}
        failure = CaseFailure(
            code=outcome.code,
            message=_storable(outcome.message),
            stage=run.failure.stage if run.failure is not None else run.stage,
            attempts=run.job.attempt,
        )
        return run.at(Move.FAIL, run.stage) | {ERROR: failure}

    def _next(self, run: _Run, outcome: Next) -> dict[str, Any]:
        target = self._target(outcome)
        if target is None:
            result = self._hiding.hidden(run.context.data.get(run.stage))
            return run.at(Move.FINISH, run.stage) | {RESULT: result}
        return run.at(Move.DELAY if outcome.delay > _NONE else Move.NEXT, target, outcome)

    def _request(self, run: _Run, outcome: Request) -> dict[str, Any]:
        target = self._target(outcome.then)
        if target is None:
            raise Mistake(f"stage {run.stage!r} is the last: name the stage that gets the reply with next=")
        task = TaskId(
            case_key=run.job.instance_key,
            case_id=self._blueprint.case_id,
            api=self._blueprint.api,
            stage=run.stage,
            ordinal=run.progress.ordinal + 1,
        )
        asked = Asked(
            task=task.sealed(self._keys),
            service=outcome.service,
            command=outcome.command,
            payload=self._hiding.hidden(checked_json("the payload of the request", outcome.payload)),
            wait=outcome.wait or self._blueprint.kind.reply_within,
        )
        return run.at(Move.REQUEST, target, outcome.then) | {REQUEST: asked}

    def _target(self, outcome: Next) -> str | None:
        if outcome.stage is None:
            return self._blueprint.after(self._stage.name)
        found = self._blueprint.stage(outcome.stage)
        if found is None or found.catches:
            raise Mistake(f"stage {self._stage.name!r} goes on with {outcome.stage!r}, which is no stage")
        return found.name

    # --- it failed ----------------------------------------------------------------------------------

    def _failed(self, run: _Run, error: BaseException) -> dict[str, Any]:
        """Where the case goes on after an error.

        Raises:
            Failure: the stage is tried again, or held.
        """
        message = _storable(_described(error))
        code = error.code if isinstance(error, CaseError) else FAILED
        if isinstance(error, _Final):
            code, message = error.failure
        left = 0
        if not isinstance(error, CaseError | _Final | Mistake):
            tries = run.progress.retries or self._stage.retry.attempts
            left = max(tries - run.job.attempt, 0)
        run.context.log.info("failed (%d tries left): %s", left, message)
        if left:
            pause = self._stage.retry.after(run.job.attempt)
            raise Failure(message, retries=left, backoff=pause, variables={}) from error
        catcher = self._blueprint.catcher
        if catcher is None or self._stage.catches or isinstance(error, Mistake):
            raise _held(message) from error
        failure = CaseFailure(code=code, message=message, stage=run.stage, attempts=run.job.attempt)
        return run.answered() | run.at(Move.NEXT, catcher.name) | {ERROR: failure}


class _Run:
    """One run of a stage: what was known before, and how that is written down."""

    def __init__(
        self, blueprint: CaseBlueprint, stage: Stage, hiding: Hiding, logger: logging.Logger, job: Job
    ) -> None:
        variables = _revealed(hiding, job, logger)
        self.job = job
        self.stage = stage.name
        self.progress = _read(variables, CASE, Progress) or Progress(stage=stage.name)
        self.reply = _read(variables, REPLY, Answered)
        self.failure = _read(variables, ERROR, CaseFailure) if stage.catches else None
        self._had_reply = variables.get(REPLY) is not None
        self._hiding = hiding
        data = {name: one for name, one in variables.items() if name not in RESERVED and one is not None}
        self._before = {name: msgspec.json.encode(one) for name, one in data.items()}
        if self.reply is not None and not self.reply.late and self.progress.asked is not None:
            data[self.progress.asked] = self.reply.body
        self.context = Context(
            key=job.instance_key,
            case_id=blueprint.case_id,
            api=blueprint.api,
            stage=stage.name,
            attempt=job.attempt,
            payload=variables.get(PAYLOAD),
            data=data,
            log=_Named(logger, {"case": job.instance_key, "stage": stage.name}),
        )

    def changes(self) -> dict[str, Any]:
        """The data that the stage changed, as it is stored.

        Raises:
            Mistake: data is under a reserved name, or cannot be written as JSON.
        """
        data = self.context.data
        for name in data:
            if not isinstance(name, str) or name in RESERVED:
                raise Mistake(f"data cannot be called {name!r}; that name is the case's own")
        written = checked_json("what the stage left in data", data)
        changed = {name: one for name, one in written.items() if self._differs(name, one)}
        gone = {name: None for name in self._before if name not in data}
        hidden: dict[str, Any] = self._hiding.hidden(changed)
        return hidden | gone

    def _differs(self, name: str, value: Any) -> bool:
        """As JSON: in Python True is 1."""
        before = self._before.get(name)
        return value is not None if before is None else before != msgspec.json.encode(value)

    def answered(self) -> dict[str, Any]:
        """What the service answered, as it is stored: a `@catch` knows it even if the stage failed on it."""
        if self.reply is None or self.reply.late or self.progress.asked is None:
            return {}
        kept: dict[str, Any] = self._hiding.hidden({self.progress.asked: self.reply.body})
        return kept

    def at(self, move: Move, stage: str, then: Next | None = None) -> dict[str, Any]:
        """Where the case stands now; a reply was taken in by this."""
        asked = move is Move.REQUEST
        progress = Progress(
            stage=stage,
            move=move,
            ordinal=self.progress.ordinal + asked,
            asked=self.stage if asked else None,
            delay=then.delay if then is not None and move is Move.DELAY else None,
            priority=then.priority if then is not None else None,
            retries=then.retries if then is not None else None,
            timeout=then.timeout if then is not None else None,
        )
        return {CASE: progress, REPLY: None} if self._had_reply else {CASE: progress}


class _Named(logging.LoggerAdapter[logging.Logger]):
    def process(self, msg: Any, kwargs: Any) -> tuple[str, Any]:
        extra = self.extra or {}
        return f"case {extra['case']}, stage {extra['stage']}: {msg}", kwargs


def _read(variables: dict[str, Any], name: str, type: type[Any]) -> Any:
    value = variables.get(name)
    if value is None:
        return None
    try:
        return msgspec.convert(value, type)
    except msgspec.ValidationError as error:
        raise _held(f"variable {name!r} is not what a case has there: {error}") from error


def _revealed(hiding: Hiding, job: Job, logger: logging.Logger) -> dict[str, Any]:
    try:
        variables: dict[str, Any] = hiding.revealed(job.variables)
    except InvalidInput as error:
        logger.error("case %d is held: %s", job.instance_key, error.message)
        raise _held(error.message) from error
    return variables


def _held(message: str) -> Failure:
    """The case waits, with an incident, for somebody to mend it."""
    return Failure(message, retries=0, backoff=_NONE, variables={})


def _storable(text: str) -> str:
    """An error's text, as long as anybody reads it, and without what no database takes."""
    return cut(text.encode(errors="backslashreplace").decode())


def _described(error: BaseException) -> str:
    if isinstance(error, CaseError | Mistake):
        return str(error)
    return f"{type(error).__name__}: {error}"
