"""PostgreSQL's errors, said in our words: what happened to which database, and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from procession.errors import (
    DatabaseBusy,
    DatabaseCorrupt,
    DatabaseFull,
    DatabaseReadOnly,
    SchemaMismatch,
    StorageError,
)
from procession.storage.port import Contended

_LOST = "the connection was lost; nothing of this was committed, so try again"
_KINDS: dict[str, tuple[type[StorageError], str]] = {
    "53100": (DatabaseFull, "no space is left for it; free some on the server's disk"),
    "53200": (
        StorageError,
        "the server is out of memory; raise max_locks_per_transaction if it speaks of shared memory",
    ),
    "53300": (
        DatabaseBusy,
        "it has too many connections; raise max_connections (or the limit of the user or database), "
        "or stop some clients",
    ),
    "25006": (DatabaseReadOnly, "it may only be read; connect to the primary server"),
    "42501": (
        StorageError,
        "permission is denied; grant the user of the URL access to Procession's tables, and make or upgrade "
        "these with one that may: `procession db upgrade`",
    ),
    "42P01": (StorageError, "its tables are missing; make them with `procession db upgrade`"),
    "42703": (SchemaMismatch, "its tables are not those of this version; see `procession db check`"),
    "25P03": (
        StorageError,
        "this node was held up for too long in a transaction, which was undone; try again",
    ),
    "57P01": (StorageError, _LOST),
    "57P02": (StorageError, _LOST),
    "57P03": (StorageError, "the server is not ready; wait until it has started"),
    "57P05": (StorageError, _LOST),
    "57014": (StorageError, "a statement was cancelled by somebody else, or by a time limit of the server's"),
    "58030": (StorageError, "the server cannot read or write its files; check its disk"),
    "XX001": (DatabaseCorrupt, "the server found damaged data; restore it from a backup"),
    "XX002": (DatabaseCorrupt, "the server found a damaged index; run REINDEX, or restore it from a backup"),
}
_LOCK_TIMEOUT = "55P03"
_RUN_AGAIN = ("40P01", "40001")
# libpq gives no code for what goes wrong while connecting, only a text.
_CONNECTING: tuple[tuple[str, type[StorageError], str], ...] = (
    ("authentication failed", StorageError, "user or password is wrong; check the URL"),
    ("no password supplied", StorageError, "the server wants a password; put it into the URL or PGPASSWORD"),
    ("does not exist", StorageError, "there is no such database or user; create it, or check the URL"),
    ("too many clients", *_KINDS["53300"]),
    ("too many connections", *_KINDS["53300"]),
    ("remaining connection slots", *_KINDS["53300"]),
    ("database system is", *_KINDS["57P03"]),  # starting up, in recovery, not yet accepting, shutting down
    ("permission denied", StorageError, "the user of the URL may not connect; grant CONNECT on it"),
)
_UNREACHABLE = "the server cannot be reached; check that it runs, and host and port of the URL"


@contextmanager
def translated(name: str) -> Iterator[None]:
    """Raise PostgreSQL's errors about the database `name` as `StorageError`.

    Constraint and programming errors pass: they are faults of a batch, not of the database. Locks that
    others hold too long become `Contended`.
    """
    try:
        yield
    except psycopg.Error as error:
        code = error.sqlstate or ""
        if code == _LOCK_TIMEOUT:
            raise Contended(frozenset(), held=True) from error
        if code in _RUN_AGAIN:
            raise Contended(frozenset(), held=False) from error
        known = _KINDS.get(code) or _unnamed(error, code)
        if known is None:
            raise
        kind, advice = known
        raise kind(f"database {name}: {advice} (PostgreSQL says: {_said(error)})") from error


def _unnamed(error: psycopg.Error, code: str) -> tuple[type[StorageError], str] | None:
    if code.startswith("08") or (not code and isinstance(error, psycopg.OperationalError)):
        return StorageError, _LOST
    if code.startswith(("53", "58")):
        return StorageError, "the server lacks something it needs; see its log"
    return None


def cannot_connect(name: str, error: psycopg.Error) -> StorageError:
    """The error for a connection that was not made."""
    text = _said(error)
    for part, kind, advice in _CONNECTING:
        if part in text:
            return kind(f"database {name}: {advice} (PostgreSQL says: {text})")
    return StorageError(f"database {name}: {_UNREACHABLE} (PostgreSQL says: {text})")


def _said(error: psycopg.Error) -> str:
    message = error.diag.message_primary or str(error)
    return " ".join(message.split())
