"""Variables between the wire (one JSON object as a text) and the engine (a JSON text for each name)."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from procession.client.values import LIMIT
from procession.errors import PayloadTooLarge, VariablesInvalid

_split = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_check = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode
_NONE = ("", "null", "{}")


def read_variables(text: str) -> tuple[dict[str, str], int]:
    """The values as they were written, by name, and their size. Empty text and `null` are no variables.

    Raises:
        VariablesInvalid: the text is no JSON object.
        PayloadTooLarge: it is longer than the limit.
    """
    if text in _NONE:
        return {}, 0
    size = len(text) if text.isascii() else len(text.encode())
    if size > LIMIT:
        raise PayloadTooLarge(f"the variables are {size:,} bytes of JSON, more than {LIMIT:,}")
    try:
        if "\\u" in text:
            _check(text)  # splitting does not look into texts, where half a character may hide
        found = _split(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise VariablesInvalid(f"the variables are no JSON object: {error}") from None
    return {name: str(raw, "utf-8") for name, raw in found.items()}, size


def write_headers(headers: Mapping[str, str]) -> str:
    return _encode(headers).decode() if headers else "{}"
