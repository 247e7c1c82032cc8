"""Text to tokens (DMN 1.5 section 10.3.1.2, rules 27 to 42, and Camunda's backtick names)."""

from __future__ import annotations

import re
from enum import Enum

import msgspec

from procession.errors import ExpressionInvalid

MAX_TEXT = 65_536
"""Longest expression accepted, in characters."""


class TokenKind(Enum):
    NUMBER = "number"
    STRING = "string"
    NAME = "name"
    QUOTED = "quoted name"
    AT = "at-literal"
    SYMBOL = "symbol"
    END = "end of the expression"


class Token(msgspec.Struct, frozen=True):
    """One token; `value` is the text without quotes and escapes, `start` and `end` count from 0."""

    kind: TokenKind
    value: str
    start: int
    end: int


_NAME_START = r"[^\W\d]|[\U00010000-\U000EFFFF]"
_NAME_PART = r"[\w\u00B7\u0300-\u036F\u203F\u2040\U00010000-\U000EFFFF]"
_TOKEN = re.compile(
    rf"""
    (?P<space>(?:\s|[\u0085\u180E\u200B\u2060\uFEFF]|//[^\n]*|/\*(?s:.*?)\*/)+)
    | (?P<at>@\s*"(?:[^"\\]|\\.)*")
    | (?P<string>"(?:[^"\\]|\\(?s:.))*")
    | (?P<number>(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)
    | (?P<quoted>`[^`\n]+`)
    | (?P<name>\?|(?:{_NAME_START}){_NAME_PART}*)
    | (?P<symbol>\*\*|\.\.|!=|<=|>=|->|[-+*/=<>()\[\]{{}},:.'])
    """,
    re.VERBOSE,
)
_ESCAPE = re.compile(r'\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{6})|([ntr"\'\\]))')
_PLAIN = {"n": "\n", "t": "\t", "r": "\r"}


def tokenize(text: str) -> list[Token]:
    """Cut a text into tokens; the last one is END. Raises ExpressionInvalid."""
    if len(text) > MAX_TEXT:
        raise ExpressionInvalid(
            f"the expression has {len(text)} characters; at most {MAX_TEXT} are accepted",
            text=text[:200],
            position=MAX_TEXT,
        )
    tokens: list[Token] = []
    position = 0
    while position < len(text):
        found = _TOKEN.match(text, position)
        if found is None:
            raise _unreadable(text, position)
        if found.lastgroup != "space":
            tokens.append(_token(found))
        position = found.end()
    tokens.append(Token(TokenKind.END, "", position, position))
    return tokens


def _token(found: re.Match[str]) -> Token:
    raw = found.group()
    kind, value = TokenKind.SYMBOL, raw
    match found.lastgroup:
        case "string":
            kind, value = TokenKind.STRING, unescape(raw[1:-1])
        case "at":
            kind, value = TokenKind.AT, unescape(raw[raw.index('"') + 1 : -1])
        case "quoted":
            kind, value = TokenKind.QUOTED, raw[1:-1]
        case "number":
            kind = TokenKind.NUMBER
        case "name":
            kind = TokenKind.NAME
    return Token(kind, value, found.start(), found.end())


def unescape(raw: str) -> str:
    r"""Resolve the escapes \n \t \r \" \' \\ \uXXXX and \UXXXXXX; any other backslash stays."""
    if "\\" not in raw:
        return raw
    resolved = _ESCAPE.sub(_escaped, raw)
    # Two \u escapes may spell one character as a surrogate pair.
    return resolved.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _escaped(found: re.Match[str]) -> str:
    code = found.group(1) or found.group(2)
    if code is None:
        return _PLAIN.get(found.group(3), found.group(3))
    number = int(code, 16)
    return chr(number) if number <= 0x10FFFF else found.group()


def _unreadable(text: str, position: int) -> ExpressionInvalid:
    head = text[position]
    reasons = {
        '"': "a string is not closed",
        "`": "a quoted name is not closed",
        "/": "a comment is not closed",
    }
    reason = reasons.get(head, f"the character {head!r} is not understood")
    return ExpressionInvalid(f"{reason} (at character {position})", text=text, position=position)
