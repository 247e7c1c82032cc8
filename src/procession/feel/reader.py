"""The parser's hold on its tokens: looking ahead, expecting, names in scope, nesting limit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from procession.errors import ExpressionInvalid
from procession.feel.lexer import Token, TokenKind, tokenize
from procession.feel.names import NameTable, joined

MAX_NESTING = 64
"""How deep brackets, functions and other constructs may nest in one expression."""

KEYWORDS = frozenset(
    {
        "for",
        "in",
        "return",
        "if",
        "then",
        "else",
        "some",
        "every",
        "satisfies",
        "and",
        "or",
        "between",
        "instance",
        "function",
        "external",
        "true",
        "false",
        "null",
    }
)
"""Words that cannot stand alone as a variable; between backticks, and after a dot, they can."""

_NAME_KINDS = (TokenKind.NAME, TokenKind.QUOTED)
_NAME_SYMBOLS = frozenset("-+*/.'")


class TokenReader:
    """Walks over the tokens of one text."""

    def __init__(self, text: str, names: tuple[NameTable, ...]) -> None:
        self._text = text
        self._tokens = tokenize(text)
        self._index = 0
        self._nesting = 0
        self._scopes = list(names)

    @property
    def token(self) -> Token:
        return self._tokens[self._index]

    def peek(self, distance: int = 1) -> Token:
        return self._tokens[min(self._index + distance, len(self._tokens) - 1)]

    def advance(self) -> Token:
        token = self._tokens[self._index]
        self._index = min(self._index + 1, len(self._tokens) - 1)
        return token

    def at_symbol(self, *symbols: str) -> bool:
        token = self.token
        return token.kind is TokenKind.SYMBOL and token.value in symbols

    def at_word(self, *words: str) -> bool:
        token = self.token
        return token.kind is TokenKind.NAME and token.value in words

    def accept(self, symbol: str) -> bool:
        """Step over the symbol if it is next."""
        found = self.at_symbol(symbol)
        if found:
            self.advance()
        return found

    def accept_word(self, word: str) -> bool:
        """Step over the keyword if it is next."""
        found = self.at_word(word)
        if found:
            self.advance()
        return found

    def expect(self, symbol: str) -> None:
        if not self.accept(symbol):
            self.fail(f"expected {symbol!r}")

    def expect_word(self, word: str) -> None:
        if not self.accept_word(word):
            self.fail(f"expected '{word}'")

    def fail(self, message: str, token: Token | None = None) -> NoReturn:
        """Refuse the text at a token (default: the next one)."""
        token = token or self.token
        found = "the end" if token.kind is TokenKind.END else repr(self._text[token.start : token.end][:40])
        self.refuse(f"{message}, found {found}", token)

    def refuse(self, message: str, token: Token) -> NoReturn:
        """Refuse the text at a token, for a reason that is not the token itself."""
        raise ExpressionInvalid(
            f"{message} (at character {token.start})", text=self._text, position=token.start
        )

    @contextmanager
    def nested(self) -> Iterator[None]:
        """Count a level of nesting, so that hostile texts cannot exhaust the stack."""
        self._nesting += 1
        if self._nesting > MAX_NESTING:
            self.refuse(f"the expression is nested more than {MAX_NESTING} levels deep", self.token)
        yield
        self._nesting -= 1

    @contextmanager
    def scope(self, table: NameTable | None = None) -> Iterator[NameTable]:
        """Names added to the table are known until the block ends."""
        table = table or NameTable()
        self._scopes.append(table)
        yield table
        self._scopes.pop()

    def known_name(self, *tables: NameTable) -> str | None:
        """Step over the longest known name of several words that starts here, if any."""
        matches = [table.match(self._tokens, self._index) for table in tables or self._scopes]
        best = max(
            (match for match in matches if match is not None), key=lambda match: match[1], default=None
        )
        if best is None:
            return None
        self._index += best[1]
        return best[0]

    def name_before(self, *ends: str) -> str | None:
        """Step over a new name that reaches up to one of the symbols or words; None if there is none."""
        stop = self._index
        while self._names_on(self._tokens[stop], first=stop == self._index, ends=ends):
            stop += 1
        if stop == self._index or self._tokens[stop].value not in ends:
            return None
        name = joined(self._tokens[self._index : stop])
        self._index = stop
        return name

    @staticmethod
    def _names_on(token: Token, *, first: bool, ends: tuple[str, ...]) -> bool:
        if token.value in ends and token.kind is not TokenKind.QUOTED:
            return False
        if token.kind in _NAME_KINDS:
            return True
        part = token.kind is TokenKind.NUMBER or token.value in _NAME_SYMBOLS
        return not first and part and token.kind in (TokenKind.NUMBER, TokenKind.SYMBOL)
