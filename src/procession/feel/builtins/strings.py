"""String functions (DMN 1.5 table 75, and Camunda's `trim`, `is blank`, `extract`, `uuid`)."""

from __future__ import annotations

import uuid as uuids
from typing import Any

from procession.feel.arithmetic import charge_text
from procession.feel.builtins.registry import builtin
from procession.feel.errors import Fault
from procession.feel.numbers import Numeric
from procession.feel.regex import Pattern
from procession.feel.scope import EvaluationScope


@builtin("substring", "string: string, start position: number, length: number?")
def substring(string: str, start: Numeric, length: Numeric | None = None) -> str:
    """Characters from a position on, counted from 1, or from the end when negative."""
    first = int(start)
    if first == 0 or abs(first) > len(string):
        raise Fault(f"there is no position {first} in a string of {len(string)} characters")
    begin = first - 1 if first > 0 else len(string) + first
    if length is None:
        return string[begin:]
    if length < 1:
        raise Fault("the length must be at least 1")
    return string[begin : begin + int(length)]


@builtin("string length", "string: string")
def string_length(string: str) -> int:
    """The number of characters."""
    return len(string)


@builtin("upper case", "string: string", scoped=True)
def upper_case(scope: EvaluationScope, string: str) -> str:
    """The string in capital letters."""
    charge_text(len(string), scope)
    return string.upper()


@builtin("lower case", "string: string", scoped=True)
def lower_case(scope: EvaluationScope, string: str) -> str:
    """The string in small letters."""
    charge_text(len(string), scope)
    return string.lower()


@builtin("substring before", "string: string, match: string")
def substring_before(string: str, match: str) -> str:
    """What comes before the first occurrence, or nothing."""
    head, found, _ = string.partition(match) if match else ("", "", "")
    return head if found else ""


@builtin("substring after", "string: string, match: string")
def substring_after(string: str, match: str) -> str:
    """What comes after the first occurrence, or nothing."""
    return string.partition(match)[2] if match else string


@builtin("contains", "string: string, match: string")
def contains(string: str, match: str) -> bool:
    """Whether the string contains the match."""
    return match in string


@builtin("starts with", "string: string, match: string")
def starts_with(string: str, match: str) -> bool:
    """Whether the string starts with the match."""
    return string.startswith(match)


@builtin("ends with", "string: string, match: string")
def ends_with(string: str, match: str) -> bool:
    """Whether the string ends with the match."""
    return string.endswith(match)


@builtin("matches", "input: string, pattern: string, flags: string | null?", scoped=True)
def matches(scope: EvaluationScope, string: str, pattern: str, flags: str | None = None) -> bool:
    """Whether a part of the input matches the regular expression."""
    return Pattern.of(pattern, flags or "").search(string, 0, scope) is not None


@builtin("replace", "input: string, pattern: string, replacement: string, flags: string | null?", scoped=True)
def replace(
    scope: EvaluationScope, string: str, pattern: str, replacement: str, flags: str | None = None
) -> str:
    """The input with every match replaced; `$1` stands for the first group."""
    return Pattern.of(pattern, flags or "").replace(string, replacement, scope)


@builtin("split", "string: string, delimiter: string", scoped=True)
def split(scope: EvaluationScope, string: str, delimiter: str) -> list[str]:
    """The parts between the matches of a regular expression."""
    parts, at = [], 0
    for match in Pattern.of(delimiter, "").find_all(string, scope):
        start, end = match[0]
        parts.append(string[at:start])
        at = end
    return [*parts, string[at:]]


@builtin("extract", "string: string, pattern: string", scoped=True)
def extract(scope: EvaluationScope, string: str, pattern: str) -> list[str]:
    """Every match of a regular expression."""
    matched = Pattern.of(pattern, "").find_all(string, scope)
    return [string[match[0][0] : match[0][1]] for match in matched]


@builtin("string join", "list: list, delimiter: string | null?", scoped=True)
@builtin("string join", "list: list, delimiter: string | null, prefix: string, suffix: string", scoped=True)
def string_join(
    scope: EvaluationScope, items: list[Any], delimiter: str | None = None, prefix: str = "", suffix: str = ""
) -> str:
    """The strings of a list joined, nulls left out."""
    if any(type(item) is not str and item is not None for item in items):
        raise Fault("only strings can be joined")
    strings = [item for item in items if item is not None]
    scope.tick(len(items))
    between = delimiter or ""
    charge_text(sum(map(len, strings)) + len(between) * len(strings), scope)
    return prefix + between.join(strings) + suffix


@builtin("trim", "string: string")
def trim(string: str) -> str:
    """The string without white space around it."""
    return string.strip()


@builtin("is blank", "string: string")
def is_blank(string: str) -> bool:
    """Whether the string is empty or white space."""
    return not string.strip()


@builtin("uuid", scoped=True)
def uuid(scope: EvaluationScope) -> str:
    """A random UUID from the scope's own source of randomness."""
    return str(uuids.UUID(int=scope.random.getrandbits(128), version=4))
