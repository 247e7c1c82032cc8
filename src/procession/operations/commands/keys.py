"""Lock keys: how commands are called in files, on command lines and in the database."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from procession.errors import InvalidInput, NotFound

ALL = "all-commands"
"""Disabling this disables every command."""
PROCESS_MANAGER = "process-manager"
"""Of the process manager; its channels are `process-manager-<channel>`. Disabling it disables them all."""
MAX_LENGTH = 200
"""Characters of a key: with what follows it must be the name of a file."""

Named: TypeAlias = "type[Any] | Callable[..., Any]"
"""A class or function that is a command."""

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_KEY = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_GLUED = re.compile(r"(?<=[a-zA-Z])-(?=\d)")


def kebab(name: str) -> str:
    """A name as a key: `GetOrders`, `get_orders` and `Get Orders` are `get-orders`.

    Raises:
        InvalidInput: it has letters other than a to z, or nothing to make a key of.
    """
    key = "-".join(_words(part) for part in re.split(r"[\s_-]+", name) if part)
    if not _KEY.fullmatch(key) or len(key) > MAX_LENGTH:
        raise InvalidInput(
            f"{name!r} cannot be a lock key; use the letters a to z and digits, {MAX_LENGTH} at most"
        )
    return key


def _words(part: str) -> str:
    """`HTTPSync` is http-sync; digits stay with the word before them: `service1`."""
    words = _WORD.findall(part)
    if "".join(words) != part:
        return part  # what is wrong with it is said of the whole
    return _GLUED.sub("", "-".join(words)).lower()


def key_of(named: Named) -> str:
    """The key of a class or function.

    Raises:
        InvalidInput: it has no name that can be a key.
    """
    name = getattr(named, "__name__", None)
    if name is None:
        raise InvalidInput(f"{named!r} is no class or function, so it cannot be a command")
    return kebab(name)


def channel_key(channel: str) -> str:
    """The lock key of a channel of the process manager.

    Raises:
        InvalidInput: the channel's name cannot be a key.
    """
    return f"{PROCESS_MANAGER}-{kebab(channel)}"


def is_reserved(key: str) -> bool:
    """Whether no command of anybody's may have this key."""
    return key in (ALL, PROCESS_MANAGER) or is_channel(key)


def is_channel(key: str) -> bool:
    """Whether this is the key of a channel of the process manager."""
    return key.startswith(f"{PROCESS_MANAGER}-") and _KEY.fullmatch(key) is not None


def disabled_by(key: str) -> tuple[str, ...]:
    """The keys that disable this one when they are disabled: itself among them."""
    return (ALL, PROCESS_MANAGER, key) if is_channel(key) else (ALL, key)


def unknown(key: str, known: Iterable[str]) -> NotFound:
    """The error for a key that nobody registered."""
    return NotFound(
        f"there is no command {key!r}; known are {', '.join(sorted(known)) or 'none'} "
        f"(and {PROCESS_MANAGER}-<channel>)"
    )
