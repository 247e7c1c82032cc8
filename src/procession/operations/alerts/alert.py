"""An alert: what somebody on duty has to know."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

SUBJECT_LENGTH = 150


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """One message about one thing that happened."""

    id: str
    """The same on every attempt to send it: receivers may know repetitions by it."""
    service: str
    at: datetime
    headline: str
    """What happened, and where; begins in lower case."""
    message: str
    """What was said of it at the time."""
    facts: Mapping[str, Any]
    """What else is known, as people read it; what is None is left out."""
    data: Mapping[str, Any]
    """The same for programs, as JSON; keys of records are texts: JavaScript cannot hold them as numbers."""
    next_step: str
    """What to do, such as the command that mends it."""

    @property
    def subject(self) -> str:
        """One line."""
        line = " ".join(f"[{self.service}] {self.headline}: {self.message}".split())
        return line if len(line) <= SUBJECT_LENGTH else line[: SUBJECT_LENGTH - 1] + "…"

    @property
    def text(self) -> str:
        """All of it, for people."""
        facts = {"service": self.service, **self.facts, "time": self.at.isoformat(timespec="seconds")}
        lines = [f"{name}: {value}" for name, value in facts.items() if value is not None]
        return "\n".join([*lines, "", self.message, "", self.next_step])

    def as_json(self) -> dict[str, Any]:
        """A JSON object."""
        return {
            "id": self.id,
            "service": self.service,
            "message": self.message,
            "at": self.at.isoformat(),
            **self.data,
            "next_step": self.next_step,
            "text": self.text,
        }
