"""Event definitions: what an event waits for or throws (BPMN 2.0 section 10.5)."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from procession.model.expression import Expression


class TimerKind(StrEnum):
    DATE = "timeDate"
    DURATION = "timeDuration"
    CYCLE = "timeCycle"


class Timer(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A date, a duration (ISO 8601) or a cycle (ISO 8601 repeating interval, or cron)."""

    kind: TimerKind
    value: str | Expression
    line: int | None = None


class Message(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A message by name; catching one needs a correlation key, except on a start event.

    On a throwing event or send task the job carries the work (Zeebe behaviour), and `name` is None
    when the model names no message.
    """

    name: str | Expression | None
    correlation_key: Expression | str | None = None
    line: int | None = None


class Signal(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A signal by name: it reaches everybody who waits for it when it is broadcast (section 10.5.5).

    Without a name the model is refused.
    """

    name: str | Expression | None
    line: int | None = None


class Error(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """An error by code. A catching event without a code (None) catches every error."""

    code: str | Expression | None
    line: int | None = None


class Terminate(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Ends its scope at once with everything that is still active in it."""

    line: int | None = None


EventDefinition = Timer | Message | Signal | Error | Terminate
