"""Messages as AMQP 0-9-1 has them: properties of basic.publish, and headers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import aio_pika

from procession.errors import InvalidInput
from procession.messaging.message import MAX_BODY, Message
from procession.messaging.port import DeadLetter

if TYPE_CHECKING:
    from aio_pika.abc import AbstractIncomingMessage, HeadersType

_RESERVED = "x-"
"""What the broker's headers begin with, and ours that no sender sets."""
_QUEUE = "x-procession-queue"
_REASON = "x-procession-reason"
_ATTEMPTS = "x-procession-attempts"
_DIED_AT = "x-procession-died-at"
_DELIVERIES = "x-delivery-count"
_DEATHS = "x-death"

UNKNOWN = "unknown"
"""The id of a dead letter that has none, or none that fits."""
_ENDED = "its consumers ended without an answer, or could not be reached in time"


def envelope(message: Message) -> aio_pika.Message:
    """A persistent AMQP message."""
    headers: HeadersType = {**message.headers}
    return aio_pika.Message(
        message.body,
        message_id=message.id,
        headers=headers,
        reply_to=message.reply_to,
        correlation_id=message.correlation,
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
    )


def opened(incoming: AbstractIncomingMessage) -> Message:
    """The message in a delivery; `attempt` counts deliveries.

    Raises:
        InvalidInput: another program sent it, and it has no id, or is too large for us.
    """
    if not incoming.message_id:
        raise InvalidInput("it has no message id, without which it cannot be handled exactly once")
    return _message(incoming, incoming.message_id, 1 + _number(incoming.headers.get(_DELIVERIES)))


def _message(incoming: AbstractIncomingMessage, id: str, attempt: int) -> Message:
    headers = {name: str(value) for name, value in _senders(incoming).items()}
    return Message(
        body=incoming.body,
        id=id,
        headers=headers,
        reply_to=incoming.reply_to or None,
        correlation=incoming.correlation_id or None,
        attempt=attempt,
    )


def dead_envelope(incoming: AbstractIncomingMessage, queue: str, reason: str) -> aio_pika.Message:
    """A delivery as a dead letter, whatever it looks like."""
    letter = again(incoming)
    letter.headers |= {
        _QUEUE: queue,
        _REASON: reason,
        _ATTEMPTS: 1 + _number(incoming.headers.get(_DELIVERIES)),
        _DIED_AT: datetime.now(UTC).isoformat(),
    }
    return letter


def dead_letter(incoming: AbstractIncomingMessage) -> DeadLetter:
    """A dead letter: of ours, or one that the broker made because the delivery limit was passed."""
    headers = incoming.headers
    death: Any = next(iter(_list(headers.get(_DEATHS))), {})
    attempts = _number(headers.get(_ATTEMPTS)) or _number(headers.get(_DELIVERIES)) or 1
    said = headers.get(_REASON)
    reason = said if isinstance(said, str) else f"{death.get('reason', 'unknown')}: {_ENDED}"
    return DeadLetter(
        queue=str(headers.get(_QUEUE) or death.get("queue", "")),
        message=_readable(incoming, attempts),
        reason=reason,
        died_at=_moment(headers.get(_DIED_AT), death.get("time")),
    )


def _readable(incoming: AbstractIncomingMessage, attempts: int) -> Message:
    """The message, or what can be shown of one that another program sent."""
    try:
        return _message(incoming, incoming.message_id or UNKNOWN, attempts)
    except InvalidInput:
        return Message(body=incoming.body[:MAX_BODY], id=UNKNOWN, attempt=attempts)


def again(incoming: AbstractIncomingMessage) -> aio_pika.Message:
    """A dead letter as it was sent."""
    return aio_pika.Message(
        incoming.body,
        message_id=incoming.message_id,
        headers=_senders(incoming),
        reply_to=incoming.reply_to,
        correlation_id=incoming.correlation_id,
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
    )


def _senders(incoming: AbstractIncomingMessage) -> HeadersType:
    return {name: value for name, value in incoming.headers.items() if not name.startswith(_RESERVED)}


def _moment(said: object, death: object) -> datetime:
    if isinstance(said, str):
        return datetime.fromisoformat(said)
    return death.astimezone(UTC) if isinstance(death, datetime) else datetime.fromtimestamp(0, UTC)


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
