"""The sequential model of the messages of one name and correlation key, and of those who wait for them.

A history is checked when it is over, so each start says which message its instance got in the end,
and each publication by whom it was got: the model then has one way to go on, not many.

Times are epoch milliseconds, of which an operation knows the first and the last it may have happened
at. "Oldest first" is by the time of publication: of two that may have the same, either may come first.

A message that meets who waits is answered before it is delivered: its receiver waits no more from the
answer on, whenever it hears of it.
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
    if names:
        return None  # it would have gone to one of them
    if given.ttl == 0:
        return box if given.receiver is None else None
    return _buffer(box, given, taken=False)


def _send(box: Mailbox, given: Publication) -> Mailbox | None:
    """To the oldest of those who wait."""
    oldest = min(box.waiting)
    if given.receiver != oldest[1]:
        return None
    box = box._replace(waiting=box.waiting - {oldest}, served=box.served | {oldest[1]})
    return _buffer(box, given, taken=True) if given.ttl else box


def _buffer(box: Mailbox, given: Publication, *, taken: bool) -> Mailbox:
    message = Buffered(given.marker, given.message_id, given.when, given.ttl, taken)
    return box._replace(messages=box.messages | {message})


def _start(box: Mailbox, operation: Operation) -> Mailbox | None:
    given: Start = operation.input
    to_be_had = [m for m in box.messages if not m.taken]
    mine = next((m for m in to_be_had if m.marker == given.got), None)
    certain = [m for m in to_be_had if m.must_live(given.when)]
    if mine is None:
        return None if certain else box._replace(waiting=box.waiting | {(given.key, given.name)})
    if not mine.may_live(given.when):
        return None
    if any(m.when.last < mine.when.first for m in certain):
        return None
    messages = box.messages - {mine} | {mine._replace(taken=True)}
    return box._replace(messages=messages, served=box.served | {given.name})


def _result(box: Mailbox, operation: Operation) -> Mailbox | None:
    """The instance was seen to have its message, and to have ended."""
    name = operation.input
    return box if name in box.served else None


def _look(box: Mailbox, operation: Operation) -> Mailbox | None:
    """The names of all that wait, seen when everything has come to rest."""
    if operation.output != frozenset(name for _, name in box.waiting):
        return None
    left = any(not m.taken and m.must_live(operation.input) for m in box.messages)
    return None if left and box.waiting else box


_STEPS = {"publish": _publish, "start": _start, "result": _result, "look": _look}
