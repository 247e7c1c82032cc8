"""Names of processes, steps and channels: they become BPMN ids and parts of job types."""

from __future__ import annotations

import re

_KEBAB = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_STEP = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|_")


def kebab(name: str) -> str:
    """`NewOrder` as `new-order`, `PDFImport` as `pdf-import`."""
    return _WORDS.sub("-", name.strip("_")).lower()


def is_kebab(name: str) -> bool:
    return _KEBAB.fullmatch(name) is not None


def is_step_name(name: str) -> bool:
    """Whether it can be the id of a BPMN element (an NCName without dots)."""
    return _STEP.fullmatch(name) is not None


def job_type(process_id: str, version: int, step: str) -> str:
    return f"{process_id}.v{version}.{step}"
