"""Checks of what requests carry besides variables."""

from __future__ import annotations

from collections.abc import Iterable

from procession.engine.records import DEFAULT_TENANT
from procession.errors import InvalidInput
from procession.model.text import is_storable

LONGEST_MILLISECONDS = 10**14
"""Three thousand years: longer times would leave the range of the clock."""


def check_tenant(tenant: str) -> None:
    """Only the default tenant is there.

    Raises:
        InvalidInput: another one is named.
    """
    if tenant not in ("", DEFAULT_TENANT):
        raise InvalidInput(f"there is no tenant {tenant!r}; this server knows {DEFAULT_TENANT!r} only")


def check_tenants(tenants: Iterable[str]) -> None:
    """As `check_tenant`, for each."""
    for tenant in tenants:
        check_tenant(tenant)


def check_text(what: str, text: str) -> str:
    """A text that a database can keep.

    Raises:
        InvalidInput: it has a NUL in it.
    """
    if not is_storable(text):
        raise InvalidInput(f"{what} {text!r} has a NUL in it")
    return text


def bounded(milliseconds: int) -> int:
    """A time span that can be added to any time."""
    return max(-LONGEST_MILLISECONDS, min(LONGEST_MILLISECONDS, milliseconds))
