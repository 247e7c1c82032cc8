"""What a stage is given: the case as it stands, and the ways to end the stage."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any, TypeVar

from procession.errors import CaseError
from procession.process.cases.mistakes import Mistake, check_request, checked
from procession.process.cases.outcome import Fail, Finish, Next, Outcome, Request
from procession.process.cases.progress import FAILED, CaseFailure

E = TypeVar("E", Next, Request, Finish, Fail)


class Context:
    """The case, as one run of a stage sees it. A stage ends with one of `service`, `next`, `finish` and
    `fail`; one that calls none of them goes on with the next stage, or finishes the case behind the last."""

    def __init__(
        self,
        *,
        key: int,
        case_id: str,
        api: str,
        stage: str,
        attempt: int,
        payload: Any,
        data: dict[str, Any],
        log: logging.Logger | logging.LoggerAdapter[logging.Logger],
    ) -> None:
        self.key = key
        """Of the case: its process instance."""
        self.case_id = case_id
        self.api = api
        self.stage = stage
        self.attempt = attempt
        """1 on the first try of this run."""
        self.payload = payload
        """What the client started the case with."""
        self.data = data
        """The store of the case (JSON), shared by its stages. What this stage changes is kept when it ends
        well, together with how it ended, or not at all. Under the name of a stage stands what it returned,
        or what the service answered that it asked. Setting a value to None deletes it."""
        self.log = log
        self.outcome: Outcome | None = None

    def service(
        self,
        service: str,
        command: str,
        payload: Any = None,
        *,
        next: str | None = None,
        wait: timedelta | None = None,
        priority: int | None = None,
        retries: int | None = None,
        timeout: timedelta | None = None,
    ) -> Request:
        """End the stage with a command to a service, and go on when its reply comes.

        The message goes to the queue `serviceQ.<service>`, with the task id as its id and the command in
        its header `command`. It is sent once the stage is committed, as often as it takes, always with
        the same id.

        Args:
            service: the name of the service.
            command: what it shall do.
            payload: JSON.
            next: the stage that gets the reply; None: the one behind this.
            wait: for the reply at most; then the case goes on with its `@catch`, once the request is sent.
                None: the class's `reply_within`.
            priority, retries, timeout: of that stage, as in `next`.
        """
        check_request(service, command, wait)
        then = checked(Next(stage=next, priority=priority, retries=retries, timeout=timeout))
        return self._end(Request(service=service, command=command, payload=payload, then=then, wait=wait))

    def next(
        self,
        stage: str | None = None,
        *,
        delay: timedelta = timedelta(0),
        priority: int | None = None,
        retries: int | None = None,
        timeout: timedelta | None = None,
    ) -> Next:
        """End the stage and go on with another one; None: the one behind this.

        Args:
            delay: until then; kept by the engine's timers, never in a broker.
            priority: 0 or more; others have 50, and the greater goes first.
            retries: tries of that stage in all, in place of its own policy's.
            timeout: of each of its tries, in place of its own.
        """
        then = Next(stage=stage, delay=delay, priority=priority, retries=retries, timeout=timeout)
        return self._end(checked(then))

    def finish(self, result: Any = None) -> Finish:
        """End the case well, with a result (JSON) for who started it."""
        return self._end(Finish(result=result))

    def fail(self, error: CaseFailure | BaseException | str, *, code: str | None = None) -> Fail:
        """End the case as failed, for whoever started it.

        Args:
            error: what a `@catch` was given, an exception, or a text.
            code: in place of its own.
        """
        known = error.code if isinstance(error, CaseFailure | CaseError) else FAILED
        message = error.message if isinstance(error, CaseFailure) else str(error) or type(error).__name__
        return self._end(Fail(code=code or known, message=message))

    def _end(self, outcome: E) -> E:
        if self.outcome is not None:
            raise Mistake(
                f"stage {self.stage!r} ended with {_named(self.outcome)} and then with {_named(outcome)}; "
                "a stage ends once"
            )
        self.outcome = outcome
        return outcome


def _named(outcome: Outcome) -> str:
    return type(outcome).__name__.lower()
