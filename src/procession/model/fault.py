"""What is wrong with a model, said so that the drawer finds the place."""

from __future__ import annotations

import msgspec


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """One fault of a resource: which element, on which line, and what to do about it."""

    resource: str
    """The file's name as deployed."""
    element_id: str | None = None
    line: int | None = None
    """1-based line in the file."""
    message: str
    warning: bool = False
    """A warning does not refuse the deployment."""

    def __str__(self) -> str:
        place = self.resource if self.line is None else f"{self.resource}:{self.line}"
        who = f" {self.element_id}:" if self.element_id else ""
        return f"{place}:{who} {self.message}"
