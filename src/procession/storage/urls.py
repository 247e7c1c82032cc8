"""Which database a URL means, and how to show it."""

from __future__ import annotations

import importlib.util
import re

from procession.errors import InvalidInput

_POSTGRESQL = re.compile(r"postgres(ql)?(\+psycopg)?://")
_PASSWORD = re.compile(r"(://[^:/?#@]*):[^/?#]*@")
_SECRET_OPTIONS = re.compile(r"([?&](?:password|sslpassword)=)[^&]*")


def is_postgresql(url: str) -> bool:
    """Whether a database URL is one of PostgreSQL's."""
    return _POSTGRESQL.match(url) is not None


def need_driver(url: str) -> None:
    """Make sure that PostgreSQL's driver is there.

    Raises:
        InvalidInput: it is not installed.
    """
    if importlib.util.find_spec("psycopg") is None:
        raise InvalidInput(f'{shown(url)}: PostgreSQL needs its driver: pip install "procession[postgresql]"')


def shown(url: str) -> str:
    """A database URL without its password."""
    return _SECRET_OPTIONS.sub(r"\1...", _PASSWORD.sub(r"\1@", url))
