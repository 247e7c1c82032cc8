"""Types as `instance of` and function parameters write them (grammar rules 52 to 54)."""

from __future__ import annotations

from collections.abc import Callable

from procession.feel.lexer import TokenKind
from procession.feel.nodes import Type
from procession.feel.reader import TokenReader

_SEVERAL_WORDS = (
    ("days", "and", "time", "duration"),
    ("years", "and", "months", "duration"),
    ("day", "time", "duration"),
    ("year", "month", "duration"),
    ("date", "and", "time"),
)


def parse_type(reader: TokenReader) -> Type:
    """The type that starts at the reader's next token. Raises ExpressionInvalid."""
    with reader.nested():
        name = _name(reader)
        structure = _STRUCTURED.get(name)
        return structure(reader) if structure is not None and reader.at_symbol("<") else Type(name=name)


def _name(reader: TokenReader) -> str:
    for words in _SEVERAL_WORDS:
        if all(reader.peek(at).value == word for at, word in enumerate(words)):
            for _ in words:
                reader.advance()
            return " ".join(words)
    if reader.token.kind not in (TokenKind.NAME, TokenKind.QUOTED):
        reader.fail("expected the name of a type")
    return reader.advance().value


def _element(name: str) -> Callable[[TokenReader], Type]:
    def structure(reader: TokenReader) -> Type:
        reader.expect("<")
        element = parse_type(reader)
        reader.expect(">")
        return Type(name=name, parts=(element,))

    return structure


def _context(reader: TokenReader) -> Type:
    reader.expect("<")
    labels: list[str] = []
    parts: list[Type] = []
    while not reader.accept(">"):
        if labels:
            reader.expect(",")
        label = reader.name_before(":")
        if label is None:
            reader.fail("expected the name of an entry")
        reader.expect(":")
        labels.append(label)
        parts.append(parse_type(reader))
    return Type(name="context", labels=tuple(labels), parts=tuple(parts))


def _function(reader: TokenReader) -> Type:
    reader.expect("<")
    parts: list[Type] = []
    while not reader.accept(">"):
        if parts:
            reader.expect(",")
        parts.append(parse_type(reader))
    result = parse_type(reader) if reader.accept("->") else None
    return Type(name="function", parts=tuple(parts), result=result)


_STRUCTURED: dict[str, Callable[[TokenReader], Type]] = {
    "list": _element("list"),
    "range": _element("range"),
    "context": _context,
    "function": _function,
}
