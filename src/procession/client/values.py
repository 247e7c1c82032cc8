"""Variables between Python and JSON: what callers and handlers give, and what they get."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import msgspec

from procession.errors import PayloadTooLarge, VariablesInvalid

LIMIT = 4_000_000
"""Bytes of JSON one command may carry (spec/engine.md section 2)."""

_encoder = msgspec.json.Encoder(decimal_format="number")
_encode = _encoder.encode
_decode = msgspec.json.Decoder().decode


def encode_variables(variables: Any) -> tuple[dict[str, str], int]:
    """Variables as JSON texts by name, and their size in bytes.

    A mapping with text keys, a dataclass or a msgspec Struct gives its fields; None is no variables.

    Raises:
        VariablesInvalid: it is something else, or a value has no JSON form.
        PayloadTooLarge: it is over 4 MB.
    """
    if variables is None:
        return {}, 0
    if variables.__class__ is not dict and not isinstance(variables, Mapping):
        variables = _fields(variables)
    texts: dict[str, str] = {}
    size = 0
    for name, value in variables.items():
        if not isinstance(name, str) or not name:
            raise VariablesInvalid(f"variable names are texts, not {name!r}")
        text = _text(name, value)
        texts[name] = text
        size += len(name) + len(text)
    if size > LIMIT:
        raise PayloadTooLarge(
            f"the variables are {size:,} bytes of JSON, more than {LIMIT:,}; "
            "keep large data elsewhere and pass a reference"
        )
    return texts, size


def _fields(value: Any) -> Mapping[str, Any]:
    built = (
        msgspec.to_builtins(value)
        if hasattr(value, "__dataclass_fields__") or isinstance(value, msgspec.Struct)
        else None
    )
    if isinstance(built, dict):
        return built
    raise VariablesInvalid(f"variables are a mapping of names to values, not {type(value).__name__}")


def _text(name: str, value: Any) -> str:
    return _json(f"variable {name!r}", value).decode()


def _json(what: str, value: Any) -> bytes:
    try:
        return _encode(value)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise VariablesInvalid(f"{what} has no JSON form: {error}") from error


def as_json(what: str, value: Any) -> Any:
    """A value as it will be read again when it is kept as a variable.

    Args:
        what: names it in the error.

    Raises:
        VariablesInvalid: it has no JSON form.
    """
    text = _json(what, value)
    try:
        return _decode(text)
    except RecursionError as error:
        raise VariablesInvalid(f"{what} is nested too deep") from error


def decode_variables(texts: Mapping[str, str]) -> dict[str, Any]:
    """JSON texts to Python values (whole numbers int, others float)."""
    return {name: _decode(text) for name, text in texts.items()}


def milliseconds(value: timedelta) -> int:
    """A duration in milliseconds."""
    return value // timedelta(milliseconds=1)


def write_variables(texts: Mapping[str, str]) -> str:
    """One JSON object of JSON texts by name, as variables travel to and from servers."""
    return "{" + ",".join([f"{_encode(name).decode()}:{text}" for name, text in texts.items()]) + "}"
