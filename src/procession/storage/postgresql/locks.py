"""Locks on values that are looked up (correlation keys, start keys, ...), in one order for everybody.

A lock is a number of PostgreSQL's advisory locks. Root process instances use their own keys, which
are positive, so these are negative (and below the migrations' -1). Two values may
share a number: then they wait for each other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import msgspec

from procession.storage.order import LOCKING

_encode = msgspec.msgpack.Encoder().encode


def locks_of(finds: Mapping[tuple[str, str], Collection[Any]]) -> set[int]:
    """The locks that look-ups, (table, index) -> values, have to hold."""
    return {
        _number(index, value)
        for (table, index), values in finds.items()
        if (table, index) in LOCKING
        for value in values
    }


def _number(index: str, value: Any) -> int:
    digest = hashlib.blake2b(_encode((index, value)), digest_size=8).digest()
    return -2 - (int.from_bytes(digest) >> 1) % ((1 << 63) - 2)


def split(wanted: Iterable[int], held: Collection[int]) -> tuple[list[int], list[int]]:
    """Which of the wanted locks may be waited for, sorted, and which may only be tried.

    Nobody waits for a lock that is smaller than one it holds, so nobody waits in a circle.
    """
    highest = max(held, default=None)
    ordered = sorted(wanted)
    if highest is None:
        return ordered, []
    return [lock for lock in ordered if lock > highest], [lock for lock in ordered if lock < highest]
