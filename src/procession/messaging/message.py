"""What is sent from one service to another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, overload
from uuid import uuid4

import msgspec

from procession.errors import InvalidInput, PayloadTooLarge

T = TypeVar("T")

MAX_BODY = 8 * 1024 * 1024
"""Bytes of a body. MariaDB takes statements of 16 MiB unless it is told otherwise."""
MAX_HEADERS = 32 * 1024
"""Bytes of all headers as JSON."""
MAX_NAME = 255
"""Bytes of ids and names: AMQP 0-9-1 counts them with one byte (section 4.2.5.3)."""


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A message. It keeps its id however often it is sent and delivered.

    Raises:
        InvalidInput: an id or name is empty or longer than 255 bytes, or a header is not a text, or
            its name begins with `x-` (those belong to the broker).
        PayloadTooLarge: the body is larger than 8 MiB, or the headers than 32 KiB.
    """

    body: bytes
    id: str = msgspec.field(default_factory=lambda: uuid4().hex)
    headers: Mapping[str, str] = {}
    reply_to: str | None = None
    """The queue that answers are sent to."""
    correlation: str | None = None
    """What the sender knows the answer by; an answer carries it unchanged."""
    attempt: int = 1
    """Which delivery this is, counted from 1; consumers only."""

    def __post_init__(self) -> None:
        check_name("id", self.id)
        for what, name in (("reply_to", self.reply_to), ("correlation", self.correlation)):
            if name is not None:
                check_name(what, name)
        if len(self.body) > MAX_BODY:
            raise PayloadTooLarge(
                f"message {self.id} has {len(self.body)} bytes, more than {MAX_BODY}: "
                "store the data where the receiver can fetch it, and send its address"
            )
        if self.headers:
            _check_headers(self.id, self.headers)

    @classmethod
    def with_json(
        cls,
        value: Any,
        *,
        id: str | None = None,
        headers: Mapping[str, str] | None = None,
        reply_to: str | None = None,
        correlation: str | None = None,
    ) -> Message:
        """A message whose body is a value as JSON (RFC 8259)."""
        return cls(
            body=msgspec.json.encode(value),
            id=id or uuid4().hex,
            headers=headers or {},
            reply_to=reply_to,
            correlation=correlation,
        )

    @overload
    def json(self) -> Any: ...
    @overload
    def json(self, type: type[T]) -> T: ...
    def json(self, type: Any = Any) -> Any:
        """The body, read as JSON of a type.

        Raises:
            InvalidInput: it is no JSON, or not of that type.
        """
        try:
            return msgspec.json.decode(self.body, type=type)
        except (msgspec.DecodeError, RecursionError) as error:
            raise InvalidInput(f"the body of message {self.id} cannot be read: {error}") from error

    def answer(self, value: Any, *, headers: Mapping[str, str] | None = None) -> Message:
        """An answer to this message, with a value as JSON; it is sent to the queue `reply_to`.

        Its correlation is this message's, or this message's id if it has none.
        """
        return Message.with_json(value, headers=headers, correlation=self.correlation or self.id)


def check_name(what: str, name: str) -> None:
    """Refuse what does not fit where ids and names of queues go.

    Raises:
        InvalidInput: it is empty or longer than 255 bytes in UTF-8, or has a NUL in it.
    """
    size = len(name) if name.isascii() else len(name.encode(errors="surrogatepass"))
    if not 0 < size <= MAX_NAME or "\0" in name:
        raise InvalidInput(
            f"{what} {name[:40]!r} has {size} bytes; it must have 1 to {MAX_NAME}, and none of them zero"
        )


def _check_headers(message_id: str, headers: Mapping[str, str]) -> None:
    for name, value in headers.items():
        if not isinstance(value, str) or name.startswith("x-"):
            raise InvalidInput(
                f"header {name!r} of message {message_id}: values are texts, and names do not begin with x-"
            )
        check_name("the name of header", name)
    size = len(msgspec.json.encode(headers))
    if size > MAX_HEADERS:
        raise PayloadTooLarge(
            f"the headers of message {message_id} have {size} bytes, more than {MAX_HEADERS}"
        )
