"""Rows as storage reads them: tuples in the order of a record's fields."""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter
from typing import Any

from procession.engine.tables import TABLES

Row = tuple[Any, ...]


def _key_of(name: str) -> Callable[[Row], Any]:
    width = len(TABLES[name].key)
    return itemgetter(0) if width == 1 else itemgetter(slice(width))


KEY_OF_ROW: dict[str, Callable[[Row], Any]] = {name: _key_of(name) for name in TABLES}
"""What identifies a row of each table: the first field, or the tuple of the first fields."""
