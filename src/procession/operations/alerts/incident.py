"""Alerts about incidents."""

from __future__ import annotations

import shlex

from procession.broker import IncidentNotice
from procession.operations.alerts.alert import Alert

RETRIES = 3
"""What the command for resolving proposes for a job that has none left."""


def incident_alert(service: str, notice: IncidentNotice, next_step: str) -> Alert:
    """The alert about an incident."""
    keys = {
        "incident_key": notice.incident_key,
        "instance_key": notice.instance_key,
        "job_key": notice.job_key,
    }
    return Alert(
        id=_id(notice),
        service=service,
        at=notice.at,
        headline=f"incident in {notice.process_id or 'a process'} at {notice.element_id or 'no element'}",
        message=notice.message,
        facts={
            "incident": notice.incident_key,
            "kind": notice.kind,
            "process": notice.process_id,
            "instance": notice.instance_key,
            "element": notice.element_id,
            "job type": notice.job_type,
            "job": notice.job_key,
            "tries left": notice.retries,
        },
        data={
            "kind": notice.kind,
            **{name: None if key is None else str(key) for name, key in keys.items()},
            "process_id": notice.process_id,
            "element_id": notice.element_id,
            "job_type": notice.job_type,
            "retries": notice.retries,
        },
        next_step=next_step,
    )


def _id(notice: IncidentNotice) -> str:
    if notice.incident_key is not None:
        return f"incident-{notice.incident_key}"
    return f"job-{notice.job_key}-{int(notice.at.timestamp() * 1000)}"


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
