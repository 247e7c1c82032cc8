"""Names of several words: which sequences of tokens the parser reads as one name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from procession.feel.lexer import Token, TokenKind, tokenize

Words = tuple[str, ...]


class NameTable:
    """Known names of more than one token, by their first token, longest first.

    Matching compares tokens, so spaces around the parts do not matter (DMN 1.5 section 10.3.1.5).
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._known: dict[str, list[tuple[Words, str]]] = {}
        for name in names:
            self.add(name)

    def add(self, name: str) -> None:
        """Make a name known; one of a single token needs no entry."""
        words = tuple(token.value for token in tokenize(name)[:-1])
        if len(words) > 1:
            entries = self._known.setdefault(words[0], [])
            entries.append((words, name))
            entries.sort(key=lambda entry: -len(entry[0]))

    def match(self, tokens: Sequence[Token], index: int) -> tuple[str, int] | None:
        """The longest known name that starts at `index`, with its number of tokens."""
        for words, name in self._known.get(tokens[index].value, ()):
            if _same(tokens, index, words):
                return name, len(words)
        return None


def _same(tokens: Sequence[Token], index: int, words: Words) -> bool:
    if index + len(words) >= len(tokens):
        return False
    return all(
        token.value == word and token.kind not in (TokenKind.STRING, TokenKind.AT)
        for token, word in zip(tokens[index : index + len(words)], words, strict=True)
    )


def joined(tokens: Sequence[Token]) -> str:
    """The name a run of tokens spells: one space between words, none around symbols."""
    text = ""
    for before, token in zip([None, *tokens], tokens, strict=False):
        spaced = before is not None and TokenKind.SYMBOL not in (before.kind, token.kind)
        text += (" " if spaced and before is not None and before.end < token.start else "") + token.value
    return text
