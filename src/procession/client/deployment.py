"""What a deployment answers."""

from __future__ import annotations

import msgspec

from procession.model import Fault


class DefinitionInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A version of a process, as a deployment answers it."""

    key: int
    process_id: str
    version: int
    name: str | None
    """None on a remote server as well: its protocol does not tell."""
    resource_name: str


class Deployment(msgspec.Struct, frozen=True, kw_only=True):
    """What a deployment made, or found unchanged, and what its files should better be without."""

    definitions: list[DefinitionInfo]
    warnings: tuple[Fault, ...]
    """None from a remote server: it accepts or refuses."""
