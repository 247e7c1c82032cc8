"""Printing results: JSON for programs, tables for people."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec
from rich.box import SIMPLE_HEAD
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

WIDTH_OF_FILES = 200
"""Columns when the output is no terminal and nobody set COLUMNS."""


def print_json(value: Any) -> None:
    """Print a value as indented JSON; times are ISO 8601 in UTC, keys are numbers."""
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")


def print_text(*parts: RenderableType) -> None:
    """Print lines and tables for people. Nothing in a text is taken for markup."""
    narrow = sys.stdout.isatty() or "COLUMNS" in os.environ
    console = Console(width=None if narrow else WIDTH_OF_FILES, markup=False, emoji=False, highlight=False)
    for part in parts:
        console.print(Text(plain(part)) if isinstance(part, str) else part)


def table(headers: Sequence[str], rows: Iterable[Sequence[object]], *, title: str | None = None) -> Table:
    """A table with one line per row; times in UTC, None as nothing."""
    result = Table(box=SIMPLE_HEAD, title=title, title_justify="left", title_style="bold", pad_edge=False)
    for header in headers:
        result.add_column(header, overflow="fold")
    for row in rows:
        result.add_row(*(Text(plain(_cell(value))) for value in row))
    return result


def _cell(value: object) -> str:
    if value is None:
        return ""
    return moment(value) if isinstance(value, datetime) else str(value)


def moment(value: datetime) -> str:
    return f"{value:%Y-%m-%d %H:%M:%SZ}"


def plain(text: str) -> str:
    """The text without control characters: names and messages come from others."""
    return "".join(char if char.isprintable() or char == "\n" else "\ufffd" for char in text)
