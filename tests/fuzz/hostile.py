"""Hostile values, and messages of the protocol filled with them."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

from google.protobuf.descriptor import FieldDescriptor

from tests.fuzz.target import LETTER, MODEL, PROCESS

NUMBERS = (0, 1, -1, 2, 7, 100, -100, 2**31 - 1, -(2**31))
LONG_NUMBERS = (*NUMBERS, 2**31, 2**53, 2**62, 2**63 - 1, -(2**63), 2251799813685249, 10**15)
TEXTS = (
    "",
    " ",
    "\0",
    "a\0b",
    "\ufeff",
    "ü" * 300,
    "\U0001f600",
    "\u202e\u0007\r\n\t",
    "'; DROP TABLE job; --",
    '"',
    "%s{0}${x}",
    "<default>",
    "../../etc/passwd",
    "=1 +",
    "task",
    "x" * 10_000,
    PROCESS,
    PROCESS,
    PROCESS,
    LETTER,
    LETTER,
)
DEEP = 20_000
"""Levels, more than any stack has."""
DOCUMENTS = (
    "",
    "null",
    "{}",
    '{"a": 1}',
    '{"key": "k"}',
    "[]",
    "1",
    '"text"',
    "{",
    '{"a": }',
    '{"a": 1,}',
    "{'a': 1}",
    '{"a": 1} {"b": 2}',
    "\ufeff{}",
    '{"a": NaN}',
    '{"a": Infinity}',
    '{"a": 1e999999}',
    '{"a": -0}',
    '{"a": 0.1e-99999}',
    '{"a": ' + "9" * 10_000 + "}",
    '{"a": 0x10}',
    '{"a": "\\ud800"}',
    '{"a": "\\udc00\\ud800"}',
    '{"\\ud800": 1}',
    '{"a": "\\u0000"}',
    '{"a\\u0000": 1}',
    '{"a": "\0"}',
    '{"a": "\\x"}',
    '{"": 1}',
    '{"a.b": 1, "=": 2, "a b": 3, "null": 4}',
    '{"a": 1, "a": 2}',
    '{"a": ' + "[" * DEEP + "]" * DEEP + "}",
    '{"a":' * DEEP + "1" + "}" * DEEP,
    "[" * DEEP,
    "{" + ",".join(f'"v{number}": {number}' for number in range(2_000)) + "}",
    '{"' + "n" * 70_000 + '": 1}',
    '{"a": "' + "x" * 200_000 + '"}',
)
LIMITS = (3_999_000, 4_000_100, 4_300_000, 4_600_000)
"""Sizes around those of the largest variables and the largest message."""
CONTENTS = (
    MODEL,
    b"",
    b"\0",
    b"<",
    b"<definitions/>",
    MODEL[: len(MODEL) // 2],
    MODEL.replace(b"task", b"\0"),
    MODEL.replace(b'id="e"', b'id="s"'),
    MODEL.replace(b"<process", b"<process " + b"a" * 10_000),
    b'<!DOCTYPE a [<!ENTITY b "b"><!ENTITY c "&b;&b;&b;">]>' + MODEL,
    b'<?xml version="1.0" encoding="UTF-16"?>' + MODEL,
    b"<a>" * DEEP,
    b"PK\x03\x04" + bytes(range(256)),
)

Make = Callable[[random.Random, Sequence[int]], Any]
VALUES: dict[int, Make] = {
    FieldDescriptor.TYPE_INT32: lambda rng, keys: rng.choice(NUMBERS),
    FieldDescriptor.TYPE_INT64: lambda rng, keys: rng.choice((*LONG_NUMBERS, *rng.choices(keys, k=12))),
    FieldDescriptor.TYPE_UINT64: lambda rng, keys: rng.choice(LONG_NUMBERS) % 2**64,
    FieldDescriptor.TYPE_STRING: lambda rng, keys: rng.choice(TEXTS),
    FieldDescriptor.TYPE_BYTES: lambda rng, keys: rng.choice((*CONTENTS, rng.randbytes(200))),
    FieldDescriptor.TYPE_BOOL: lambda rng, keys: rng.random() < 0.5,
    FieldDescriptor.TYPE_ENUM: lambda rng, keys: rng.choice(NUMBERS),
}


def document(rng: random.Random) -> str:
    """Variables; seldom of a size around the limits."""
    if rng.random() < 0.01:
        return '{"a": "' + "x" * rng.choice(LIMITS) + '"}'
    return rng.choice(DOCUMENTS)


def message(kind: Any, rng: random.Random, keys: Sequence[int]) -> Any:
    """A valid message of a kind, each field left out or hostile."""
    made = kind()
    _fill(made, rng, keys, depth=3)
    return made


def _fill(made: Any, rng: random.Random, keys: Sequence[int], *, depth: int) -> None:
    for field in made.DESCRIPTOR.fields:
        if rng.random() < 0.15:
            continue
        if field.message_type is None:
            value = _values(field, rng, keys)
            getattr(made, field.name).extend(value) if field.is_repeated else setattr(made, field.name, value)
        elif depth > 0:
            inside = getattr(made, field.name)
            if field.is_repeated:
                for _ in range(rng.choice((0, 1, 1, 3))):
                    _fill(inside.add(), rng, keys, depth=depth - 1)
            else:
                inside.SetInParent()
                _fill(inside, rng, keys, depth=depth - 1)


def _values(field: Any, rng: random.Random, keys: Sequence[int]) -> Any:
    if field.is_repeated:
        return [VALUES[field.type](rng, keys) for _ in range(rng.choice((0, 0, 1, 3)))]
    if field.name == "variables":
        return document(rng)
    if field.name == "tenantId" and rng.random() < 0.9:
        return ""
    return VALUES[field.type](rng, keys)
