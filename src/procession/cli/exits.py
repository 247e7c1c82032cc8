"""Exit codes, and how an error becomes one of them with a line on stderr."""

from __future__ import annotations

import sys
from enum import IntEnum

from procession.errors import (
    DeploymentRejected,
    InvalidInput,
    NotAllowed,
    NotFound,
    NotReady,
    ProcessionError,
    StorageError,
)


class ExitCode(IntEnum):
    OK = 0
    FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    DATABASE = 4


EXIT_CODES = (
    "Exit codes: 0 done; 1 refused or failed; 2 the arguments cannot be right; 3 no such thing; "
    "4 the database or server cannot be used."
)
"""The epilog of every command's help."""

# The first that fits counts: the more special ones stand before their bases.
_CODES: tuple[tuple[type[Exception], ExitCode], ...] = (
    (DeploymentRejected, ExitCode.FAILED),
    (InvalidInput, ExitCode.USAGE),
    (NotFound, ExitCode.NOT_FOUND),
    (StorageError, ExitCode.DATABASE),
    (NotReady, ExitCode.DATABASE),
    (NotAllowed, ExitCode.DATABASE),
    (Exception, ExitCode.FAILED),
)


def exit_code(error: Exception) -> ExitCode:
    return next(code for kind, code in _CODES if isinstance(error, kind))


def complain(error: Exception) -> None:
    """Say on stderr what went wrong, in one line (a refused deployment: one per fault)."""
    sys.stderr.write(f"procession: {_said(error)}\n")


def _said(error: Exception) -> str:
    if isinstance(error, ProcessionError):
        return error.message
    return (
        f"something unexpected went wrong: {type(error).__name__}: {error} "
        "(run `procession --debug ...` to see where)"
    )
