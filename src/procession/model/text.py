"""Which texts every database can keep."""

from __future__ import annotations


def is_storable(text: str) -> bool:
    """Whether a text has no NUL (PostgreSQL keeps none) and no half of a surrogate pair."""
    if "\0" in text:
        return False
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def storable(text: str) -> str:
    """The text, with what cannot be kept replaced."""
    if is_storable(text):
        return text
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode(errors="replace").decode()
