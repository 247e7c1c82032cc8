"""What constants in a model may look like."""

from __future__ import annotations

import re

_WHOLE = re.compile(r"[+-]?[0-9]{1,9}")


def is_name(text: str) -> bool:
    """A variable name: letters, digits and underscores, no digit first."""
    return text.isidentifier()


def is_path(text: str) -> bool:
    """Variable names joined by dots."""
    return all(is_name(part) for part in text.split("."))


def is_whole(text: str, *, least: int) -> bool:
    """A whole number of at least `least`, small enough for 32 bits."""
    return _WHOLE.fullmatch(text) is not None and int(text) >= least
