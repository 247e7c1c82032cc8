"""Attributes that are either a constant or a FEEL expression."""

from __future__ import annotations

import msgspec


class Expression(msgspec.Struct, frozen=True):
    """A FEEL expression as it stands in the model, without the leading `=`."""

    text: str
    line: int | None = None


def text_or_expression(raw: str, line: int | None = None) -> str | Expression:
    """Read an attribute by Zeebe's convention: a leading `=` makes it FEEL."""
    stripped = raw.strip()
    return Expression(stripped[1:].strip(), line) if stripped.startswith("=") else raw


class IoMapping(msgspec.Struct, frozen=True):
    """One input or output mapping: `target` (a name or a dotted path) gets the value of `source`."""

    source: str | Expression
    target: str
    line: int | None = None
