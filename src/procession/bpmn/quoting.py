"""Quoting what stands in a file, bounded, so that a fault stays readable whatever the file holds."""

from __future__ import annotations

_LONGEST = 80


def quoted(value: object) -> str:
    """The value as text in quotes; what goes past 80 characters is cut."""
    text = str(value)
    return repr(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…")
