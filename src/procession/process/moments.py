"""Between the engine's milliseconds and people's moments."""

from __future__ import annotations

from datetime import UTC, datetime

_from = datetime.fromtimestamp


def at(milliseconds: int) -> datetime:
    """The moment (UTC) so many milliseconds after the epoch."""
    return _from(milliseconds / 1000, UTC)
