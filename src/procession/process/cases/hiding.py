"""Fields nobody may read on screens and in logs are encrypted where they are stored."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from procession.errors import InvalidInput
from procession.process.cases.keys import Keyring, NotSealedHere
from procession.process.masking import MASK, plain

_PURPOSE = b"procession hidden field 1"
_SALT_BYTES = 16
DEEPEST = 100
"""Levels of a value that are searched for hidden fields."""


class Hiding:
    """Which fields of a case are hidden, and how."""

    def __init__(self, names: frozenset[str], keys: Keyring) -> None:
        self._names = _plain(names)
        self._keys = keys

    def hidden(self, value: Any) -> Any:
        """A JSON value whose hidden fields are sealed.

        Raises:
            InvalidInput: it is nested too deep.
        """
        return _changed(value, self._names, self._seal)

    def revealed(self, value: Any) -> Any:
        """A JSON value as it was before `hidden`. Fields that were never hidden stay as they are.

        Raises:
            InvalidInput: the key that a field was hidden with is no longer there.
        """
        return _changed(value, self._names, self._open)

    def _seal(self, value: Any) -> str:
        return MASK + self._keys.seal(msgspec.json.encode(value), _PURPOSE, salt=os.urandom(_SALT_BYTES))

    def _open(self, value: Any) -> Any:
        if not isinstance(value, str) or not value.startswith(MASK):
            return value
        try:
            return msgspec.json.decode(self._keys.open(value.removeprefix(MASK), _PURPOSE))
        except NotSealedHere as error:
            name = value.removeprefix(MASK).partition(".")[0]
            raise InvalidInput(
                f"a hidden field cannot be read: key {name!r} is not among the keys, or the field was altered"
            ) from error


def masked(value: Any, names: frozenset[str]) -> Any:
    """A JSON value for people: the fields of these names are `***`."""
    return _changed(value, _plain(names), lambda _: MASK)


def _plain(names: frozenset[str]) -> frozenset[str]:
    return frozenset(plain(name) for name in names)


def _changed(value: Any, names: frozenset[str], change: Callable[[Any], Any], depth: int = 0) -> Any:
    if not names:
        return value
    if depth > DEEPEST:
        raise InvalidInput(f"a value with hidden fields is nested over {DEEPEST} levels deep")
    if isinstance(value, Mapping):
        return {
            name: change(one)
            if one is not None and plain(name) in names
            else _changed(one, names, change, depth + 1)
            for name, one in value.items()
        }
    if isinstance(value, list | tuple):
        return [_changed(one, names, change, depth + 1) for one in value]
    return value
