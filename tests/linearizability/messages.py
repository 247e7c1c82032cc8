"""The sequential model of the messages of one name and correlation key, and of those who wait for them.

A history is checked when it is over, so each start says which message its instance got in the end,
and each publication by whom it was got: the model then has one way to go on, not many.

Times are epoch milliseconds, of which an operation knows the first and the last it may have happened
at. "Oldest first" is by the time of publication: of two that may have the same, either may come first.

A message that meets who waits is answered before it is delivered. Until then its receiver still seems
to wait: a second message may be sent to the same one, find it gone, and be offered to the others. Such
a message is *under way*: it may overtake or be overtaken, and come to one who began to wait after it
was published. It is still got by one at most, and nobody is left waiting while it could be had.
"""

from __future__ import annotations

from typing import NamedTuple

from .checker import Operation

EXISTS = "AlreadyExists"


class Span(NamedTuple):
    """When it happened: not before the first, not after the last."""

    first: int
    last: float


class Publication(NamedTuple):
    """The input of `publish`."""

    marker: str
    message_id: str | None
    ttl: int
    when: Span
    receiver: str | None
    """Who got it in the end."""


class Start(NamedTuple):
    """The input of `start`: an instance waits from now on, or gets a message at once."""

    name: str
    key: int
    """Those who wait are served by their keys."""
    when: Span
    got: str | None
    """The marker of the message it got in the end."""


class Buffered(NamedTuple):
    """A message with a time to live, whether it is still to be had or not."""

    marker: str
    message_id: str | None
    when: Span
    ttl: int
    taken: bool
    under_way: bool

    def may_live(self, when: Span) -> bool:
        return when.first < self.when.last + self.ttl

    def must_live(self, when: Span) -> bool:
        return when.last < self.when.first + self.ttl


class Mailbox(NamedTuple):
    """Of one correlation key and one process."""

    messages: frozenset[Buffered] = frozenset()
    waiting: frozenset[tuple[int, str]] = frozenset()
    """(key, name) of instances without a message."""
    served: frozenset[str] = frozenset()
    closing: frozenset[str] = frozenset()
    """Of those, who may still seem to wait: a message was sent to them, and nobody has seen them end."""


def step(box: Mailbox, operation: Operation) -> Mailbox | None:
    """What the operation makes of the mailbox; None if it may not end like this."""
    after: Mailbox | None = _STEPS[operation.kind](box, operation)
    return after


def _publish(box: Mailbox, operation: Operation) -> Mailbox | None:
    given: Publication = operation.input
    same = [m for m in box.messages if given.message_id is not None and m.message_id == given.message_id]
    if operation.output == EXISTS:
        return box if any(m.may_live(given.when) for m in same) and given.receiver is None else None
    if any(m.must_live(given.when) for m in same):
        return None if operation.known or given.receiver is not None else box
    names = {name for _, name in box.waiting}
    if given.receiver in names:
        return _send(box, given)
    if names and not box.closing:
        return None  # it would have gone to one of them
    if given.ttl == 0 and (given.receiver is None or not box.closing):
        return box if given.receiver is None else None
    return _buffer(box, given, taken=False)


def _send(box: Mailbox, given: Publication) -> Mailbox | None:
    """To one who waits: the oldest, unless others are being served."""
    oldest = min(box.waiting)
    if given.receiver != oldest[1] and not box.closing:
        return None
    receiver = next(one for one in box.waiting if one[1] == given.receiver)
    box = box._replace(
        waiting=box.waiting - {receiver},
        served=box.served | {receiver[1]},
        closing=box.closing | {receiver[1]},
    )
    return _buffer(box, given, taken=True) if given.ttl else box


def _buffer(box: Mailbox, given: Publication, *, taken: bool) -> Mailbox:
    under_way = bool(box.closing) and not taken
    message = Buffered(given.marker, given.message_id, given.when, given.ttl, taken, under_way)
    return box._replace(messages=box.messages | {message})


def _start(box: Mailbox, operation: Operation) -> Mailbox | None:
    given: Start = operation.input
    to_be_had = [m for m in box.messages if not m.taken]
    mine = next((m for m in to_be_had if m.marker == given.got), None)
    certain = [m for m in to_be_had if not m.under_way and m.must_live(given.when)]
    if mine is None:
        return None if certain else box._replace(waiting=box.waiting | {(given.key, given.name)})
    if not mine.under_way and not mine.may_live(given.when):
        return None
    if any(m.when.last < mine.when.first for m in certain):
        return None
    messages = box.messages - {mine} | {mine._replace(taken=True)}
    return box._replace(messages=messages, served=box.served | {given.name})


def _result(box: Mailbox, operation: Operation) -> Mailbox | None:
    """The instance was seen to have its message, and to have ended."""
    name = operation.input
    return box._replace(closing=box.closing - {name}) if name in box.served else None


def _look(box: Mailbox, operation: Operation) -> Mailbox | None:
    """The names of all that wait, seen when everything has come to rest."""
    if operation.output != frozenset(name for _, name in box.waiting):
        return None
    left = any(not m.taken and m.must_live(operation.input) for m in box.messages)
    return None if left and box.waiting else box


_STEPS = {"publish": _publish, "start": _start, "result": _result, "look": _look}
