"""What a step answers, and what a process is about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from procession.errors import InvalidInput
from procession.process.status import Status


class ProcessResult:
    """What a step answers.

    Args:
        message: for people who read the history.
        data: details (JSON), kept in the history and as the variable `result` of the process.
        meta: extends the document of the process: key by key, lists and nested objects are replaced.
            `goto_step` skips to a later step; `display` holds columns for lists.
        status: SUCCESS, INFO, WARNING or SKIPPED goes on; ERROR or EXCEPTION is like raising a
            `ProcessError`, RETRY like any other exception.
    """

    __slots__ = ("data", "message", "meta", "status")

    def __init__(
        self,
        message: str = "",
        *,
        data: Any = None,
        meta: Mapping[str, Any] | None = None,
        status: Status = Status.SUCCESS,
    ) -> None:
        self.message = message
        self.data = data
        self.meta = dict(meta) if meta else {}
        self.status = status if status.__class__ is Status else Status(status)


class Processable(msgspec.Struct, frozen=True):
    """What a process is about: an order, an invoice. Its type and its id there."""

    type: str
    id: str

    def __str__(self) -> str:
        return f"{self.type}:{self.id}"

    @classmethod
    def of(cls, value: Processable | tuple[str, str | int] | str) -> Processable:
        """From a pair, or a text such as `order:A-1`.

        Raises:
            InvalidInput: it is neither, or a part is empty.
        """
        if isinstance(value, Processable):
            return value
        kind, id = value.split(":", 1) if isinstance(value, str) and ":" in value else ("", "")
        if isinstance(value, tuple):
            kind, id = value[0], str(value[1])
        if not kind or not id or ":" in kind:
            raise InvalidInput(f"{value!r} names no processable; write TYPE:ID, for example order:A-1")
        return cls(kind, id)
