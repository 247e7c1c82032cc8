"""Regular expressions that cannot run away: `re` where it provably ends soon, else the machine."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cached_property, lru_cache
from typing import Any

from procession.feel import regex_syntax as syntax
from procession.feel.arithmetic import charge_text
from procession.feel.errors import Fault
from procession.feel.regex_machine import Machine, Slots, assemble
from procession.feel.scope import EvaluationScope

_AFFORDABLE = 100_000
"""The most ways through a text that `re` may have to try."""

_UNBOUNDED = 10**12
_WHITE_SPACE = re.compile(r"(\[(?:[^\]\\]|\\.)*\])|\s+")
"""Flag x removes white space, but not inside of a character class."""

_REFERENCE = re.compile(r"\\([\\$])|\$([0-9]+)|([\\$])")

Match = tuple[tuple[int, int], ...]
"""Start and end of the whole match and of each group; (-1, -1) for a group that took no part."""


class Pattern:
    """An XPath regular expression with its flags i, s, m, x and q."""

    def __init__(self, text: str, flags: str) -> None:
        if set(flags) - set("ismxq"):
            raise Fault(f"the flags {flags[:20]!r} are not of i, s, m, x and q")
        if "x" in flags:
            text = _WHITE_SPACE.sub(lambda found: found.group(1) or "", text)
        if "q" in flags:
            text = re.sub(r"([\\|.\-^?*+{}()\[\]$])", r"\\\1", text)
        self._flags = flags
        self._tree, self._groups = syntax.parse(text, ignore_case="i" in flags, dot_all="s" in flags)

    @staticmethod
    @lru_cache(maxsize=512)
    def of(text: str, flags: str) -> Pattern:
        """The compiled pattern. Raises Fault for an invalid one."""
        return Pattern(text, flags)

    def search(self, text: str, start: int, scope: EvaluationScope) -> Match | None:
        """The leftmost match from a position on."""
        if self._quick is not None and self._affordable(len(text) - start):
            scope.tick(1 + (len(text) - start) // 100)
            found = self._quick.search(text, start)
            return None if found is None else tuple(found.span(at) for at in range(self._groups + 1))
        slots = self._machine.search(text, start, scope)
        return None if slots is None else _pairs(slots)

    def find_all(self, text: str, scope: EvaluationScope) -> list[Match]:
        """All matches from left to right, none overlapping another."""
        matches: list[Match] = []
        at = 0
        while at <= len(text) and (match := self.search(text, at, scope)) is not None:
            matches.append(match)
            start, end = match[0]
            at = end + (start == end)
        return matches

    def replace(self, text: str, replacement: str, scope: EvaluationScope) -> str:
        """The text with every match replaced; `$1` is the first group, `\\$` a dollar."""
        parts, at, length = [], 0, 0
        for match in self.find_all(text, scope):
            start, end = match[0]
            parts += [text[at:start], self._expand(replacement, text, match)]
            at = end
            length += len(parts[-1]) + len(parts[-2])
            charge_text(length, scope)
        return "".join([*parts, text[at:]])

    def _expand(self, replacement: str, text: str, match: Match) -> str:
        if "q" in self._flags:
            return replacement

        def group(found: re.Match[str]) -> str:
            escaped, digits, stray = found.groups()
            if stray:
                raise Fault("in a replacement, write \\$ for a dollar and \\\\ for a backslash")
            return escaped or self._group(digits, text, match)

        return _REFERENCE.sub(group, replacement)

    def _group(self, digits: str, text: str, match: Match) -> str:
        """`$12` is the twelfth group if there is one, else the first followed by a 2."""
        used = len(digits)
        while used > 1 and int(digits[:used]) > self._groups:
            used -= 1
        number = int(digits[:used])
        start, end = match[number] if number <= self._groups else (-1, -1)
        return (text[start:end] if start >= 0 else "") + digits[used:]

    def _affordable(self, length: int) -> bool:
        return _ways(self._tree, length) * (length + 1) <= _AFFORDABLE

    @cached_property
    def _quick(self) -> re.Pattern[str] | None:
        source = _python(self._tree, lines="m" in self._flags)
        flags = re.IGNORECASE if "i" in self._flags else re.NOFLAG
        return None if source is None else re.compile(source, flags)

    @cached_property
    def _machine(self) -> Machine:
        return Machine(assemble(self._tree), self._groups, lines="m" in self._flags)


def _pairs(slots: Slots) -> Match:
    return tuple(zip(slots[::2], slots[1::2], strict=True))


# How many ways a backtracking matcher has through a text of some length


def _ways(node: syntax.Node, length: int) -> int:
    return min(_COUNTS[type(node)](node, length), _UNBOUNDED)


def _product(node: syntax.Sequence, length: int) -> int:
    ways = 1
    for item in node.items:
        ways = min(ways * _ways(item, length), _UNBOUNDED)
    return ways


def _repeated(node: syntax.Repeat, length: int) -> int:
    inner = _ways(node.item, length)
    most = length if node.most is None else min(node.most, max(length, node.least))
    if inner > 1:
        return _UNBOUNDED if most > 40 else inner**most * (most + 1)
    return max(most - node.least, 0) + 1


_COUNTS: dict[type[syntax.Node], Callable[[Any, int], int]] = {
    syntax.Chars: lambda node, length: 1,
    syntax.Anchor: lambda node, length: 1,
    syntax.Backreference: lambda node, length: 1,
    syntax.Sequence: _product,
    syntax.Choice: lambda node, length: sum(_ways(item, length) for item in node.items),
    syntax.Group: lambda node, length: _ways(node.item, length),
    syntax.Repeat: _repeated,
}


# The same pattern for Python's `re`


def _python(node: syntax.Node, *, lines: bool) -> str | None:
    writer = _WRITERS[type(node)]
    return writer(node, lines)


def _joined(items: tuple[syntax.Node, ...], separator: str, lines: bool) -> str | None:
    parts = [_python(item, lines=lines) for item in items]
    known = [part for part in parts if part is not None]
    return f"(?:{separator.join(known)})" if len(known) == len(parts) else None


def _write_group(node: syntax.Group, lines: bool) -> str | None:
    inner = _python(node.item, lines=lines)
    return inner if inner is None or node.number is None else f"({inner})"


def _write_repeat(node: syntax.Repeat, lines: bool) -> str | None:
    inner = _python(node.item, lines=lines)
    if inner is None:
        return None
    most = "" if node.most is None else str(node.most)
    return f"(?:{inner}){{{node.least},{most}}}" + ("" if node.greedy else "?")


def _write_anchor(node: syntax.Anchor, lines: bool) -> str:
    whole = {"^": r"\A", "$": r"\Z", "b": r"\b", "B": r"\B"}
    single = {"^": "(?m:^)", "$": "(?m:$)"}
    return single.get(node.kind, whole[node.kind]) if lines else whole[node.kind]


_WRITERS: dict[type[syntax.Node], Callable[[Any, bool], str | None]] = {
    syntax.Chars: lambda node, lines: node.source,
    syntax.Anchor: _write_anchor,
    syntax.Backreference: lambda node, lines: f"(?:\\{node.number})",
    syntax.Sequence: lambda node, lines: _joined(node.items, "", lines),
    syntax.Choice: lambda node, lines: _joined(node.items, "|", lines),
    syntax.Group: _write_group,
    syntax.Repeat: _write_repeat,
}
