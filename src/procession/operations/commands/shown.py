"""Commands as operators see them."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from procession.operations.commands.records import (
    Record,
    Status,
    Switch,
    error_over,
    outdated,
    status,
    written,
)
from procession.storage.searches.reading import moment_or_none


class CommandStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A command as operators see it."""

    key: str
    label: str
    status: Status
    last_start: datetime | None
    last_duration: timedelta | None
    """Of the last run that ended."""
    last_error: str | None
    """The last line of an error of the last 72 hours, also if it has succeeded since."""
    note: str | None
    """Who holds its lock, and what disables it."""


def shown_as(record: Record, now: int, switch: Switch | None) -> CommandStatus:
    """What is to be seen of a record at a time of its store."""
    error = None if error_over(record, now) else record.error
    return CommandStatus(
        key=record.key,
        label=record.label,
        status=status(record, now, switch),
        last_start=moment_or_none(record.started_at),
        last_duration=None if record.duration is None else timedelta(milliseconds=record.duration),
        last_error=error.splitlines()[-1] if error else None,
        note=_note(record, now, switch),
    )


def _note(record: Record, now: int, switch: Switch | None) -> str | None:
    notes = []
    if record.holder is not None:
        ended = f", lease ended {written(record.holder.expires_at)}" if outdated(record, now) else ""
        notes.append(f"{record.holder}{ended}")
    if switch is not None:
        notes.append(str(switch))
    return "; ".join(notes) or None
