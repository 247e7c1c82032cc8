"""An alert: what somebody on duty has to know about an incident."""

from __future__ import annotations

import shlex
from typing import Any

import msgspec

from procession.broker import IncidentNotice

SUBJECT_LENGTH = 150
RETRIES = 3
"""What the command for resolving proposes for a job that has none left."""


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """One message about one incident."""

    service: str
    notice: IncidentNotice
    next_step: str
    """What to do: the command that resolves it."""

    @property
    def id(self) -> str:
        """The same on every attempt to send it: receivers may know repetitions by it."""
        notice = self.notice
        if notice.incident_key is not None:
            return f"incident-{notice.incident_key}"
        return f"job-{notice.job_key}-{int(notice.at.timestamp() * 1000)}"

    @property
    def subject(self) -> str:
        """One line."""
        notice = self.notice
        where = f"{notice.process_id or 'a process'} at {notice.element_id or 'no element'}"
        line = " ".join(f"[{self.service}] incident in {where}: {notice.message}".split())
        return line if len(line) <= SUBJECT_LENGTH else line[: SUBJECT_LENGTH - 1] + "…"

    @property
    def text(self) -> str:
        """All of it, for people."""
        lines = [f"{name}: {value}" for name, value in self._facts() if value is not None]
        return "\n".join([*lines, "", self.notice.message, "", self.next_step])

    def _facts(self) -> list[tuple[str, Any]]:
        notice = self.notice
        return [
            ("service", self.service),
            ("incident", notice.incident_key),
            ("kind", notice.kind),
            ("process", notice.process_id),
            ("instance", notice.instance_key),
            ("element", notice.element_id),
            ("job type", notice.job_type),
            ("job", notice.job_key),
            ("tries left", notice.retries),
            ("time", notice.at.isoformat(timespec="seconds")),
        ]

    def as_json(self) -> dict[str, Any]:
        """A JSON object; keys of records are texts, as JavaScript cannot hold them as numbers."""
        notice = self.notice
        keys = {"incident_key": notice.incident_key, "instance_key": notice.instance_key}
        keys["job_key"] = notice.job_key
        return {
            "id": self.id,
            "service": self.service,
            "kind": notice.kind,
            "message": notice.message,
            "at": notice.at.isoformat(),
            **{name: None if key is None else str(key) for name, key in keys.items()},
            "process_id": notice.process_id,
            "element_id": notice.element_id,
            "job_type": notice.job_type,
            "retries": notice.retries,
            "next_step": self.next_step,
            "text": self.text,
        }


def next_step(notice: IncidentNotice, database: str | None) -> str:
    """What to do about an incident.

    Args:
        database: its URL without a password, where the incident is in a database of ours; None where
            a server holds it that may be a foreign one.
    """
    retries = f" --retries {RETRIES}" if notice.job_key is not None and not notice.retries else ""
    if notice.incident_key is not None and database is not None:
        resolve = f"procession incident resolve {notice.incident_key}{retries} --db {shlex.quote(database)}"
        return f"When the cause is mended: {resolve}"
    return (
        "When the cause is mended, resolve the incident on the server. On Procession:"
        f" procession incident list --instance {notice.instance_key}, then"
        f" procession incident resolve KEY{retries}. On Zeebe: in Operate, or with UpdateJobRetries"
        " and ResolveIncident."
    )
