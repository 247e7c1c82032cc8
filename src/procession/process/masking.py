"""Secrets in payloads are masked by their names, and what is too large is cut."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

MASK = "***"
USUAL = frozenset(
    {
        "accesskey",
        "apikey",
        "authorization",
        "cardnumber",
        "cookie",
        "credential",
        "cvc",
        "cvv",
        "passphrase",
        "passwd",
        "password",
        "privatekey",
        "secret",
        "session",
        "signature",
        "token",
    }
)
"""A name with one of these in it, whatever its case and punctuation, is a secret's."""
LONGEST_PAYLOAD = 64_000
"""Characters of JSON; of more only the beginning is kept, as a text."""
LONGEST_TEXT = 2_000
DEEPEST = 50


def plain(name: str) -> str:
    """`X-Api-Key` as `xapikey`."""
    return "".join(char for char in name.lower() if char.isalnum())


class Masks:
    """Which names are secrets'."""

    def __init__(self, more: frozenset[str] = frozenset()) -> None:
        self._words = USUAL | {plain(name) for name in more}

    def hides(self, name: str) -> bool:
        flat = plain(name)
        return any(word in flat for word in self._words)

    def value(self, value: Any, depth: int = 0) -> Any:
        """A JSON value without secrets; whatever JSON has no form for is written as a text."""
        if depth > DEEPEST:
            return "..."
        if isinstance(value, Mapping):
            return {
                str(name): MASK if self.hides(str(name)) else self.value(one, depth + 1)
                for name, one in value.items()
            }
        if isinstance(value, list | tuple | set | frozenset):
            return [self.value(one, depth + 1) for one in value]
        if isinstance(value, bytes):
            value = value.decode(errors="replace")
        if isinstance(value, str):
            return self._text(value) if depth == 0 else value
        return value if value is None or isinstance(value, bool | int | float) else str(value)

    def _text(self, text: str) -> Any:
        """The body of a request: JSON or a form is taken apart, so that its secrets are found."""
        if text[:1] in ("{", "["):
            try:
                return self.value(json.loads(text), 1)
            except (ValueError, RecursionError):
                return text
        if "=" in text and not any(char.isspace() for char in text):
            return self._form(text)
        return text

    def _form(self, text: str) -> str:
        pairs = parse_qsl(text, keep_blank_values=True)
        if not any(self.hides(name) for name, _ in pairs):
            return text
        return urlencode([(n, MASK if self.hides(n) else v) for n, v in pairs], safe="*")

    def url(self, url: str) -> str:
        """Without a password in it, or secrets in its query."""
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
        return urlunsplit(parts._replace(netloc=host, query=self._form(parts.query)))


def cut(text: str, longest: int = LONGEST_TEXT) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def kept(value: Any) -> Any:
    """A masked JSON value, if it is small enough; else its beginning."""
    written = json.dumps(value, ensure_ascii=False)
    if len(written) <= LONGEST_PAYLOAD:
        return value
    return {
        "cut": f"{len(written)} characters, of which these are the first",
        "begins": written[:LONGEST_PAYLOAD],
    }
