"""Messages, signals and errors: they stand beside the processes, and events refer to them by id."""

from __future__ import annotations

from collections.abc import Callable

from lxml import etree
from lxml.etree import _Element as Element

from procession.bpmn.names import BPMN
from procession.bpmn.writing.ids import Ids
from procession.bpmn.writing.tags import PREFIXES, add, extend, value_text
from procession.model import Error, Message, Signal

_Key = tuple[str, ...]


class Roots:
    """The definitions of one file, each once however many events refer to it. `at` is the event's element."""

    def __init__(self, ids: Ids) -> None:
        self._ids = ids
        self._known: dict[_Key, str] = {}
        # Collected apart, because they are found while the processes before them are written.
        self._elements = etree.Element(f"{{{BPMN}}}definitions", nsmap=PREFIXES)

    def move_to(self, root: Element) -> None:
        """Put all definitions behind what the file holds already."""
        root.extend(list(self._elements))

    def message(self, at: Element, event: Message) -> str | None:
        """The id of the event's message; None if it has no name."""
        if event.name is None:
            return None
        name, key = value_text(at, event.name), event.correlation_key
        texts = (name,) if key is None else (name, value_text(at, key))
        return self._id("Message", texts, lambda id: self._add_message(id, *texts))

    def _add_message(self, id: str, name: str, key: str | None = None) -> None:
        element = add(self._elements, "message", id=id, name=name)
        if key is not None:
            extend(add(element, "extensionElements"), "subscription", correlationKey=key)

    def signal(self, at: Element, event: Signal) -> str | None:
        """The id of the event's signal; None if it has no name."""
        if event.name is None:
            return None
        name = value_text(at, event.name)
        return self._id("Signal", (name,), lambda id: add(self._elements, "signal", id=id, name=name))

    def error(self, at: Element, event: Error) -> str | None:
        """The id of the event's error; None if it catches every error."""
        if event.code is None:
            return None
        code = value_text(at, event.code)
        # The name is for the reader of the drawing; the code is what is compared.
        return self._id(
            "Error", (code,), lambda id: add(self._elements, "error", id=id, name=code, errorCode=code)
        )

    def _id(self, kind: str, texts: _Key, define: Callable[[str], object]) -> str:
        key = (kind, *texts)
        if key not in self._known:
            self._known[key] = self._ids.named(kind, *texts)
            define(self._known[key])
        return self._known[key]
