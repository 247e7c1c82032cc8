"""What is known of a process that runs: where, since when, and what it serves."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from urllib.parse import urlsplit

import msgspec

from procession.errors import InvalidInput

RESERVED = ("health", "metrics")
"""First parts of paths that the gateway answers itself."""
_CASE = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_API = re.compile(r"[a-z0-9]+([._-][a-z0-9]+)*")


class Kind(StrEnum):
    """What a process is there for."""

    SERVER = "server"
    """Answers requests at a URL."""
    WORKER = "worker"
    """Takes work from the database."""


class Standing(StrEnum):
    """How a process stands at the moment it is asked for, by the database's time."""

    LIVE = "live"
    DRAINING = "draining"
    """It lives, finishes what it holds, and gets nothing new."""
    ENDED = "ended"
    """It left by itself. Remembered for ten minutes."""
    LOST = "lost"
    """Its lease ended before it said anything: killed, stopped, or cut off. Remembered for a day."""

    @property
    def is_alive(self) -> bool:
        return self in (Standing.LIVE, Standing.DRAINING)


class Served(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """One version of one business case; as a text `open-account.v1`."""

    case: str
    """The process id, in kebab-case."""
    api: str

    def __str__(self) -> str:
        return f"{self.case}.{self.api}"

    @classmethod
    def read(cls, text: str) -> Served:
        """`open-account.v1`.

        Raises:
            InvalidInput: it is something else.
        """
        case, _, api = text.partition(".")
        if _CASE.fullmatch(case) is None or _API.fullmatch(api) is None:
            raise InvalidInput(f"{text!r} names no version of a case; write for example open-account.v1")
        return cls(case=case, api=api)


class Registration(msgspec.Struct, frozen=True, kw_only=True):
    """A server or worker, as it was when the registry was asked."""

    id: str
    kind: Kind
    app: str | None
    """Of a worker: what it runs, as MODULE:NAME."""
    serves: tuple[Served, ...]
    url: str | None
    """Of a server: where it answers."""
    host: str
    pid: int
    started_at: datetime
    age: timedelta
    """How long ago that is, by the database's time."""
    expires_at: datetime
    """When its lease ends unless it is renewed."""
    fencing_number: int
    """Greater each time it had to register anew because its lease had ended."""
    standing: Standing

    def __str__(self) -> str:
        what = self.url or self.app or "no app"
        return f"{self.kind} {self.id} ({what}, process {self.pid} on {self.host})"


def served(pairs: Iterable[tuple[str, str]]) -> tuple[Served, ...]:
    """Pairs of business case and api, sorted and each once.

    Raises:
        InvalidInput: one can be no part of a path, or is kept for the gateway's own paths.
    """
    found = {Served.read(f"{case}.{api}") for case, api in pairs}
    for one in sorted(found):
        if one.case in RESERVED:
            raise InvalidInput(f"no business case can be called {one.case!r}: the gateway answers that path")
    return tuple(sorted(found))


def base_url(text: str) -> str:
    """The URL of a server without a slash at its end.

    Raises:
        InvalidInput: it is no http:// or https:// URL with a host, or has more than a path.
    """
    try:
        parts = urlsplit(text)
        fits = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        fits = False
    if not fits or parts.query or parts.fragment or parts.username is not None:
        raise InvalidInput(f"{text!r} is no URL of a server; write for example http://10.0.0.7:8081")
    return text.rstrip("/")
