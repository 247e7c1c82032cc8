"""What an evaluation cannot answer with null."""

from __future__ import annotations

from procession.errors import ProcessionError


class FeelError(ProcessionError):
    """An evaluation was stopped: an assertion in it failed, or it took too many steps, recursed too
    deeply or grew too large.

    Ordinary faults never raise; they make the value null and leave a warning in the scope.
    """


class Fault(Exception):
    """Raised inside a built-in function to make its result null, with the reason as a warning."""
