"""Where servers listen."""

from __future__ import annotations

from pathlib import Path

import msgspec


class Listen(msgspec.Struct, frozen=True, kw_only=True):
    """Where a server listens, and how."""

    host: str = "127.0.0.1"
    port: int = 0
    """0 leaves the choice to the system."""
    certificate: Path | None = None
    """PEM, with the chain; None is no TLS."""
    key: Path | None = None
    shared: bool = False
    """Several processes listen on the port."""

    @property
    def address(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"
