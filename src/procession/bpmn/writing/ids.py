"""The ids of one file: those of the model, and those made for what has none there."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

from lxml import etree

from procession.bpmn.quoting import quoted
from procession.errors import InvalidInput
from procession.model import Body, Process

_LONGEST_WORD = 40


class Ids:
    """Every id once.

    Raises:
        InvalidInput: two elements share an id, or one is no XML name.
    """

    def __init__(self, processes: Iterable[Process]) -> None:
        self._taken: set[str] = set()
        for process in processes:
            self._take(process.id)
            self._take_body(process.body)

    def _take_body(self, body: Body) -> None:
        for node in body.nodes:
            self._take(node.id)
            if node.body is not None:
                self._take_body(node.body)
        for flow in body.flows:
            self._take(flow.id)

    def _take(self, id: str) -> None:
        if not _is_name(id):
            raise InvalidInput(
                f"the id {quoted(id)} cannot stand in BPMN; use letters, digits, '_', '-' and '.',"
                " and begin with a letter or '_'"
            )
        if id in self._taken:
            raise InvalidInput(f"the id {quoted(id)} is used twice; give each element its own")
        self._taken.add(id)

    def new(self, wanted: str) -> str:
        """`wanted`, or with a number behind it where an element of the model has that id."""
        found, number = wanted, 1
        while found in self._taken:
            number += 1
            found = f"{wanted}_{number}"
        self._taken.add(found)
        return found

    def named(self, kind: str, *texts: str) -> str:
        """An id for a definition that is known by its texts: the same in every file that has it."""
        word = re.sub(r"[^A-Za-z0-9]+", "_", texts[0])[:_LONGEST_WORD].strip("_")
        digest = hashlib.sha256("\0".join(texts).encode(errors="replace")).hexdigest()[:7]
        return self.new("_".join(part for part in (kind, word, digest) if part))


def _is_name(id: str) -> bool:
    try:
        return etree.QName(id).localname == id
    except ValueError:
        return False
