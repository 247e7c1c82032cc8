"""XPath regular expressions (XQuery and XPath functions 3.1, section 5.6): text to tree.

Every node can also be written as a pattern for Python's `re`, except Unicode categories, which it
lacks.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import NoReturn

import msgspec

from procession.feel.errors import Fault

MAX_NESTING = 30
"""How deep groups may nest."""

MAX_REPEAT = 1000
"""Largest number in `{n,m}`."""

MAX_PATTERN = 2000
"""Longest pattern, in characters."""


class Node(msgspec.Struct, frozen=True):
    """Base of the tree."""


class Chars(Node, frozen=True):
    """One character out of a set; `source` is None where Python's `re` cannot say it."""

    test: Callable[[str], bool]
    source: str | None


class Sequence(Node, frozen=True):
    items: tuple[Node, ...]


class Choice(Node, frozen=True):
    items: tuple[Node, ...]


class Repeat(Node, frozen=True):
    """`most` is None for no bound."""

    item: Node
    least: int
    most: int | None
    greedy: bool


class Group(Node, frozen=True):
    """`number` is None for a group that captures nothing."""

    item: Node
    number: int | None


class Anchor(Node, frozen=True):
    """`^`, `$`, `b` (at a word's edge) or `B` (not at one)."""

    kind: str


class Backreference(Node, frozen=True):
    number: int


_PLAIN = {"n": "\n", "r": "\r", "t": "\t"}
_CLASSES: dict[str, str] = {
    "d": r"\d",
    "w": r"\w",
    "s": r"[ \t\n\r]",
    "i": r"[^\W\d]|:",
    "c": r"[\w:.\-\u00B7]",
}
_COUNT = re.compile(r"\{([0-9]{1,4})(,([0-9]{0,4}))?\}", re.ASCII)
_CATEGORY = re.compile(r"\{(\^?)([A-Z][a-z]?|Is[A-Za-z0-9-]+)\}")
_BLOCKS = {
    "IsBasicLatin": (0x00, 0x7F),
    "IsLatin-1Supplement": (0x80, 0xFF),
    "IsLatinExtended-A": (0x100, 0x17F),
    "IsLatinExtended-B": (0x180, 0x24F),
    "IsGreek": (0x370, 0x3FF),
    "IsGreekandCoptic": (0x370, 0x3FF),
    "IsCyrillic": (0x400, 0x4FF),
    "IsHebrew": (0x590, 0x5FF),
    "IsArabic": (0x600, 0x6FF),
}


def parse(text: str, *, ignore_case: bool, dot_all: bool) -> tuple[Node, int]:
    """The tree of a pattern and its number of capturing groups. Raises Fault for an invalid one."""
    if len(text) > MAX_PATTERN:
        raise Fault(f"a regular expression may have at most {MAX_PATTERN} characters")
    parser = _Parser(text, ignore_case=ignore_case, dot_all=dot_all)
    return parser.whole(), parser.groups


class _Parser:
    def __init__(self, text: str, *, ignore_case: bool, dot_all: bool) -> None:
        self.groups = 0
        self._text = text
        self._at = 0
        self._nesting = 0
        self._ignore_case = ignore_case
        self._dot_all = dot_all

    def whole(self) -> Node:
        node = self._choice()
        if self._at < len(self._text):
            self._fail()
        return node

    def _fail(self) -> NoReturn:
        raise Fault(f"the regular expression is invalid at character {self._at}: {self._text[:60]!r}")

    def _next(self) -> str:
        return self._text[self._at : self._at + 1]

    def _take(self) -> str:
        char = self._next()
        if not char:
            self._fail()
        self._at += 1
        return char

    def _accept(self, token: str) -> bool:
        found = self._text.startswith(token, self._at)
        self._at += len(token) if found else 0
        return found

    def _choice(self) -> Node:
        items = [self._sequence()]
        while self._accept("|"):
            items.append(self._sequence())
        return items[0] if len(items) == 1 else Choice(tuple(items))

    def _sequence(self) -> Node:
        items: list[Node] = []
        while self._next() not in ("", "|", ")"):
            items.append(self._quantified(self._atom()))
        return Sequence(tuple(items))

    def _quantified(self, item: Node) -> Node:
        bounds = self._bounds()
        if bounds is None:
            return item
        greedy = not self._accept("?")
        if self._next() in ("*", "+", "?", "{") and self._next():
            self._fail()
        return Repeat(item, bounds[0], bounds[1], greedy)

    def _bounds(self) -> tuple[int, int | None] | None:
        for token, bounds in (("*", (0, None)), ("+", (1, None)), ("?", (0, 1))):
            if self._accept(token):
                return bounds
        if self._next() != "{":
            return None
        found = _COUNT.match(self._text, self._at)
        if found is None:
            self._fail()
        self._at = found.end()
        least = int(found.group(1))
        most = least if found.group(2) is None else int(found.group(3)) if found.group(3) else None
        if max(least, most or 0) > MAX_REPEAT or (most is not None and most < least):
            self._fail()
        return least, most

    def _atom(self) -> Node:
        char = self._take()
        if char == "(":
            return self._group()
        if char == "[":
            return self._set()
        if char in "^$":
            return Anchor(char)
        if char == ".":
            return self._chars("[\\s\\S]" if self._dot_all else "[^\\n\\r]")
        if char == "\\":
            return self._escape()
        if char in "*+?{}])":
            self._at -= 1
            self._fail()
        return self._chars(re.escape(char))

    def _group(self) -> Node:
        number = None
        if not self._accept("?:"):
            if self._next() == "?":
                self._fail()
            self.groups += 1
            number = self.groups
        self._nesting += 1
        if self._nesting > MAX_NESTING:
            self._fail()
        item = self._choice()
        self._nesting -= 1
        if not self._accept(")"):
            self._fail()
        return Group(item, number)

    def _escape(self) -> Node:
        char = self._next()
        if char in ("b", "B"):
            self._at += 1
            return Anchor(char)
        if char.isdigit() and char != "0":
            self._at += 1
            if int(char) > self.groups:
                self._fail()
            return Backreference(int(char))
        return self._escaped_chars()

    def _escaped_chars(self) -> Chars:
        """One character, or a class such as `\\d` or `\\p{L}`."""
        char = self._take()
        if char in ("p", "P"):
            return self._category(negated=char == "P")
        if char in _PLAIN:
            return self._chars(re.escape(_PLAIN[char]))
        if char.lower() in _CLASSES:
            inner = self._chars(_CLASSES[char.lower()])
            return _opposite(inner) if char.isupper() else inner
        if char.isalnum():
            self._fail()
        return self._chars(re.escape(char))

    def _category(self, *, negated: bool) -> Chars:
        found = _CATEGORY.match(self._text, self._at)
        if found is None:
            self._fail()
        self._at = found.end()
        wanted = found.group(2)
        if wanted.startswith("Is"):
            if wanted not in _BLOCKS:
                self._fail()
            low, high = _BLOCKS[wanted]
            kind = Chars(lambda char: low <= ord(char) <= high, None)
        else:
            kind = Chars(lambda char: unicodedata.category(char).startswith(wanted), None)
        return _opposite(kind) if negated is not bool(found.group(1)) else kind

    def _chars(self, source: str) -> Chars:
        flags = re.IGNORECASE if self._ignore_case else re.NOFLAG
        matcher = re.compile(source, flags)
        return Chars(lambda char: matcher.fullmatch(char) is not None, f"(?:{source})")

    def _set(self) -> Chars:
        """A character class, perhaps with another one taken away: `[a-z-[aeiou]]`."""
        negated = self._accept("^")
        parts: list[Chars] = []
        while not self._accept("]"):
            if parts and self._accept("-["):
                taken = self._set()
                if not self._accept("]"):
                    self._fail()
                return _without(_union(parts, negated), taken)
            parts.append(self._set_part())
        if not parts:
            self._fail()
        return _union(parts, negated)

    def _set_part(self) -> Chars:
        escaped = self._next() == "\\"
        if escaped:
            self._at += 1
            if self._next() not in _PLAIN and self._next().isalnum():
                return self._escaped_chars()
        low = self._member(escaped=escaped)
        after = self._text[self._at + 1 : self._at + 2]
        if self._next() != "-" or after in ("]", "[", ""):
            return self._chars(f"[{re.escape(low)}]")
        self._at += 1
        high = self._member(escaped=self._accept("\\"))
        if high < low:
            self._fail()
        return self._chars(f"[{re.escape(low)}-{re.escape(high)}]")

    def _member(self, *, escaped: bool) -> str:
        char = self._take()
        if escaped:
            return _PLAIN.get(char, char)
        if char == "[":
            self._at -= 1
            self._fail()
        return char


def _opposite(chars: Chars) -> Chars:
    source = None if chars.source is None else f"(?:(?!{chars.source})[\\s\\S])"
    return Chars(lambda char: not chars.test(char), source)


def _union(parts: list[Chars], negated: bool) -> Chars:
    tests = [part.test for part in parts]
    sources = [part.source for part in parts if part.source is not None]
    source = f"(?:{'|'.join(sources)})" if len(sources) == len(parts) else None
    union = Chars(lambda char: any(test(char) for test in tests), source)
    return _opposite(union) if negated else union


def _without(chars: Chars, taken: Chars) -> Chars:
    source = None
    if chars.source is not None and taken.source is not None:
        source = f"(?:(?!{taken.source}){chars.source})"
    return Chars(lambda char: chars.test(char) and not taken.test(char), source)
