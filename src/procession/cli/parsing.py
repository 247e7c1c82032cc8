"""Reading what is given as text on the command line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from procession.errors import InvalidInput, VariablesInvalid

if TYPE_CHECKING:
    from procession.storage.searches import InstanceStatus

_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w)")
_WHOLE = re.compile(rf"(?:{_PART.pattern})+")
_UNITS = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
_decoder = msgspec.json.Decoder(float_hook=Decimal)


LOOPBACK = ("127.0.0.1", "::1", "localhost")
"""Hosts that cannot be reached from elsewhere."""


def read_address(text: str, option: str) -> tuple[str, int]:
    """Host and port of `[HOST:]PORT`; the host is 127.0.0.1 unless given.

    Raises:
        InvalidInput: it is something else.
    """
    host, _, port = text.rpartition(":")
    if not port.isdecimal() or int(port) > 65535:
        raise InvalidInput(f"{option} {text!r} is no [HOST:]PORT, such as 8080 or 0.0.0.0:8080")
    return host.strip("[]") or LOOPBACK[0], int(port)


def read_file(path: Path) -> bytes:
    """The content of a file.

    Raises:
        InvalidInput: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidInput(f"file {path} cannot be read: {error.strerror}") from error


def read_variables(text: str | None) -> Mapping[str, Any] | None:
    """Variables from a JSON object, or from the file named after an `@`; fractions are Decimals.

    Raises:
        InvalidInput: the file cannot be read.
        VariablesInvalid: it is no JSON, or no object.
    """
    if text is None:
        return None
    what, content = _content(text, "--variables")
    try:
        value = _decoder.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise VariablesInvalid(
            f'{what} holds no JSON: {error}; write an object such as \'{{"order_id": "A-1"}}\''
        ) from error
    if not isinstance(value, dict):
        raise VariablesInvalid(
            f'{what} must be a JSON object such as \'{{"order_id": "A-1"}}\', not {_json_kind(value)}'
        )
    return value


def read_json(text: str, option: str) -> Any:
    """A JSON value, or the content of the file named after an `@`; fractions are Decimals.

    Raises:
        InvalidInput: the file cannot be read, or there is no JSON.
    """
    what, content = _content(text, option)
    try:
        return _decoder.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInput(f"{what} holds no JSON: {error}") from error


def _content(text: str, option: str) -> tuple[str, bytes]:
    """What it is called in errors, and the text itself or that of the file named after an `@`."""
    if text.startswith("@"):
        return f"file {text[1:]}", read_file(Path(text[1:]))
    return option, text.encode(errors="surrogateescape")


def _json_kind(value: Any) -> str:
    kinds: dict[type, str] = {list: "an array", str: "a text", bool: "true or false", type(None): "null"}
    return kinds.get(type(value), "a number")


def read_duration(text: str, option: str) -> timedelta:
    """A duration: `90` (seconds), `30s`, `1h30m`, `2d`, or ISO 8601 such as `PT1H`.

    Raises:
        InvalidInput: it is none.
    """
    stripped = text.strip()
    try:
        if stripped.upper().startswith("P"):
            return msgspec.convert(stripped.upper(), timedelta)
        if _WHOLE.fullmatch(stripped):
            parts = _PART.findall(stripped)
            return sum((float(number) * _UNITS[unit] for number, unit in parts), timedelta(0))
        if re.fullmatch(r"\d+(\.\d+)?", stripped):
            return timedelta(seconds=float(stripped))
    except (msgspec.ValidationError, OverflowError):
        pass  # said below, as for every other text that is no duration
    raise InvalidInput(f"{option} {text!r} is no duration; write for example 30s, 90m, 1h30m, 2d or PT1H")


def read_state(text: str) -> InstanceStatus:
    """A state of process instances, in any case of letters.

    Raises:
        InvalidInput: it is none.
    """
    from procession.storage.searches import InstanceStatus

    try:
        return InstanceStatus(text.upper())
    except ValueError:
        states = ", ".join(state.lower() for state in InstanceStatus)
        raise InvalidInput(f"--state {text!r} is none of {states}") from None


def read_mapping(texts: Iterable[str], option: str) -> dict[str, str]:
    """Pairs written as `old=new`.

    Raises:
        InvalidInput: one is none, or names again what another one does.
    """
    mapping: dict[str, str] = {}
    for text in texts:
        old, equals, new = (part.strip() for part in text.partition("="))
        if not (old and equals and new):
            raise InvalidInput(f"{option} {text!r} is no mapping; write for example old=new")
        if old in mapping:
            raise InvalidInput(f"{option} names {old!r} twice")
        mapping[old] = new
    return mapping
