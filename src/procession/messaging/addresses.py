"""Addresses, as logs and errors may show them."""

from __future__ import annotations

import sqlalchemy as sa


def shown(url: str) -> str:
    """A URL without its password and options."""
    try:
        return sa.make_url(url).set(query={}).render_as_string(hide_password=True)
    except (sa.exc.ArgumentError, ValueError):
        return f"{url.partition(':')[0]}:..."
