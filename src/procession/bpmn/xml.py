"""Bytes to an XML tree, hardened: no network, no DTD, no entities, bounded in size and depth."""

from __future__ import annotations

from typing import NoReturn

from lxml import etree
from lxml.etree import _Element as Element

MAX_BYTES = 4 * 1024 * 1024
"""Default limit for one file, in bytes."""

_TOO_DEEP = "Excessive depth"


class Unreadable(Exception):
    """The bytes are refused before anything of them is interpreted. `line` counts from 1."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.line = line


class _DoctypeFound(Exception):
    pass


class _Guard:
    """A parser target that keeps nothing and stops at a document type, before its entities are read."""

    def doctype(self, name: str, public_id: str | None, system: str | None) -> NoReturn:
        raise _DoctypeFound

    def close(self) -> None:
        return None


def parse(content: bytes, max_bytes: int = MAX_BYTES) -> Element:
    """Parse one XML document and answer its root.

    Raises `Unreadable` for anything over `max_bytes`, anything that is not well-formed XML, a document
    type declaration (so also any entity), and nesting past the parser's limit of 256 elements.
    """
    if len(content) > max_bytes:
        raise Unreadable(f"the file has {len(content)} bytes; at most {max_bytes} are accepted")
    if not content.strip():
        raise Unreadable("the file is empty")
    try:
        etree.fromstring(content, _parser(_Guard()))
        return etree.fromstring(content, _parser())
    except _DoctypeFound:
        raise Unreadable(
            "a document type (DOCTYPE) or entity declaration is not accepted; remove it",
            _doctype_line(content),
        ) from None
    except etree.XMLSyntaxError as error:
        raise Unreadable(_explain(error), error.lineno) from None


def _parser(target: _Guard | None = None) -> etree.XMLParser:
    return etree.XMLParser(
        target=target,  # type: ignore[arg-type]  # the stubs ask for handlers that lxml treats as optional
        resolve_entities=False,
        load_dtd=False,
        dtd_validation=False,
        attribute_defaults=False,
        no_network=True,
        huge_tree=False,
        recover=False,
        remove_comments=True,
        remove_pis=True,
    )


def _explain(error: etree.XMLSyntaxError) -> str:
    if _TOO_DEEP in str(error.msg):
        return "elements are nested too deeply; at most 256 levels are accepted"
    return f"the file is no well-formed XML: {str(error.msg).partition(', line ')[0]}"


def _doctype_line(content: bytes) -> int | None:
    # A parser target is not told the line. Without its zero bytes UTF-16 and UTF-32 read like ASCII here.
    before, found, _ = content.replace(b"\0", b"").partition(b"<!DOCTYPE")
    return before.count(b"\n") + 1 if found else None
