"""What one run of a step leaves behind: its record, and how a step writes to it."""

from __future__ import annotations

import logging
from collections.abc import Callable, MutableMapping
from contextvars import ContextVar
from datetime import datetime
from typing import Any

import msgspec

from procession.process.masking import Masks, cut, kept
from procession.process.moments import at
from procession.process.status import Status

MOST_LINES = 200
MOST_PAYLOADS = 50
"""What a run writes beyond these is counted, not kept."""

running: ContextVar[Recorder | None] = ContextVar("procession_step", default=None)
"""The run in whose context something is logged."""


class Payload(msgspec.Struct, frozen=True, kw_only=True):
    """What went to an external system, or came from it."""

    system: str
    direction: str
    """`sent` or `received`."""
    at: datetime
    payload: Any


class LogLine(msgspec.Struct, frozen=True, kw_only=True):
    at: datetime
    level: str
    logger: str
    text: str


class StepRun(msgspec.Struct, frozen=True, kw_only=True):
    """One run of a step, as it is kept in the scope of the step's element: never changed."""

    step: str
    status: Status
    message: str
    started_at: datetime
    ended_at: datetime
    attempt: int
    worker: str | None = None
    details: Any = None
    payloads: list[Payload] = []
    log: list[LogLine] = []
    left_out: int = 0
    """Payloads and lines beyond what is kept."""
    retry_at: datetime | None = None


class KeptRun(StepRun, frozen=True, kw_only=True, omit_defaults=True):
    """As it is written: what is as usual need not be."""


class Recorder:
    """Collects what a step sends, receives and logs. Threads that a step begins may use it as well.

    Args:
        log: of the step; the lines written to it become those of the run in whose context that is.
        now: the engine's time in milliseconds.
    """

    __slots__ = ("_masks", "_now", "left_out", "lines", "log", "payloads")

    def __init__(self, log: StepLog, masks: Masks, now: Callable[[], int]) -> None:
        self._masks = masks
        self._now = now
        self.log = log
        self.payloads: list[Payload] = []
        self.lines: list[LogLine] = []
        self.left_out = 0

    def payload(self, system: str, direction: str, payload: Any) -> None:
        if len(self.payloads) >= MOST_PAYLOADS:
            self.left_out += 1
            return
        shown = kept(self._masks.value(payload))
        self.payloads.append(Payload(system=system, direction=direction, at=at(self._now()), payload=shown))

    def line(self, level: str, logger: str, text: str) -> None:
        if len(self.lines) >= MOST_LINES:
            self.left_out += 1
        else:
            self.lines.append(LogLine(at=at(self._now()), level=level, logger=logger, text=cut(text)))

    def details(self, value: Any) -> Any:
        return kept(self._masks.value(value, 1))

    # --- httpx, which need not be installed -------------------------------------------------------

    def hooks(self, system: str) -> dict[str, list[Any]]:
        def response(answer: Any) -> None:
            answer.read()
            self._answer(system, answer)

        return {"request": [lambda request: self._request(system, request)], "response": [response]}

    def async_hooks(self, system: str) -> dict[str, list[Any]]:
        async def request(sent: Any) -> None:
            self._request(system, sent)

        async def response(answer: Any) -> None:
            await answer.aread()
            self._answer(system, answer)

        return {"request": [request], "response": [response]}

    def _request(self, system: str, request: Any) -> None:
        try:
            body = request.content
        except Exception:  # it is streamed: what is not in memory is not kept
            body = b"(streamed)"
        shown = {
            "method": request.method,
            "url": self._masks.url(str(request.url)),
            "headers": self._masks.value(dict(request.headers)),
            "body": self._masks.value(body),
        }
        self.payload(system, "sent", shown)

    def _answer(self, system: str, answer: Any) -> None:
        shown = {
            "status": answer.status_code,
            "headers": self._masks.value(dict(answer.headers)),
            "body": self._masks.value(answer.content),
        }
        self.payload(system, "received", shown)


class StepLog(logging.LoggerAdapter[logging.Logger]):
    """Writes to the history, and to a logger as far as that is interested."""

    def __init__(self, logger: logging.Logger) -> None:
        super().__init__(logger, {})

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        if self.logger.isEnabledFor(level):
            super().log(level, msg, *args, **kwargs)
        else:
            self.logger.makeRecord(self.logger.name, level, "", 0, msg, args, None)  # which is captured

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        return msg, kwargs


_captures: list[Callable[..., logging.LogRecord]] = []
"""The record factory of before, once what steps log is captured."""


def capture_logs() -> None:
    """Give what is logged while a step runs, by whatever logger, to the record of that run.

    Records are seen when they are made. A handler at the root would do, but with one there Python's own
    last resort is silent, and `logging.basicConfig` of an application does nothing.
    """
    if not _captures:
        _captures.append(logging.getLogRecordFactory())
        logging.setLogRecordFactory(_captured)


def _captured(*args: Any, **kwargs: Any) -> logging.LogRecord:
    record = _captures[0](*args, **kwargs)
    recorder = running.get()
    if recorder is not None:
        recorder.line(record.levelname, record.name, _text(record))
    return record


def _text(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError):  # its arguments do not fit: that is for whoever writes it out to say
        return str(record.msg)
