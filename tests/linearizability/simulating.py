"""Stories that one correct client after the other would tell, and the same with overlap and gaps.

The simulations share no code with the models: they hold the whole truth, such as the exact time.
"""

from __future__ import annotations

import random
from typing import Any

from .checker import NEVER, Operation
from .leases import OK, REFUSED, Activated, Call, Status
from .messages import EXISTS, Publication, Span, Start

Told = tuple[str, Any, Any]
"""(kind, input, output)"""

_MARKERS = ("release", "extend", "fail", "complete")


class _Job:
    """A job as the engine keeps it."""

    def __init__(self) -> None:
        self.status, self.lease, self.due = Status.FREE, 0, 0

    def activate(self, now: int, timeout: int) -> Activated | None:
        if self.status not in (Status.FREE, Status.LEASED) or self.due > now:
            return None
        self.status, self.lease, self.due = Status.LEASED, self.lease + 1, now + timeout
        return Activated(self.lease, self.due)

    def answer(self, kind: str, call: Call) -> str:
        mine = call.lease == self.lease
        is_open = self.status in (Status.FREE, Status.LEASED)
        if kind == "release":
            if mine and self.status is Status.LEASED:
                self.status, self.due = Status.FREE, call.at
            return OK
        if kind == "complete" and mine and self.status is Status.COMPLETED:
            return OK
        if self.status is Status.FREE and self.due > call.at:
            return REFUSED
        if not mine or not is_open or (kind == "extend" and self.status is not Status.LEASED):
            return REFUSED
        if kind == "extend":
            self.due = call.at + call.timeout
        elif kind == "complete":
            self.status = Status.COMPLETED
        else:
            self.status = Status.FREE if call.retries else Status.FAILED
            self.due = call.at + call.timeout
        return OK


def lease_story(dice: random.Random, count: int) -> list[Told]:
    """About one job; it begins with a lease and ends with a look at it."""
    job, now, story = _Job(), 1000, list[Told]()
    while len(story) < count:
        now += dice.randrange(0, 40)
        if not story or dice.random() < 0.4:
            call = Call(at=now, timeout=dice.randrange(1, 60))
            activated = job.activate(now, call.timeout)
            if activated is not None:
                story.append(("activate", call, activated))
                continue
        kind = dice.choices(_MARKERS, (3, 3, 3, 1))[0]
        lease = max(job.lease - dice.choice((0, 0, 0, 1)), 0)
        call = Call(lease, now, dice.randrange(1, 60), dice.choice((3, 3, 3, 0)))
        story.append((kind, call, job.answer(kind, call)))
    return [*story, ("look", None, (job.status, job.lease))]


def message_story(dice: random.Random, count: int) -> list[Told]:
    """About one correlation key; it ends with a look at who waits."""
    now, key = 1000, 0
    waiting: list[tuple[int, int]] = []
    """(key, place in the story) of who waits."""
    buffer: list[tuple[int, Publication]] = []
    ids: dict[str, int] = {}
    """Until when each is alive."""
    story: list[Told] = []
    while len(story) < count:
        now += dice.randrange(0, 20)
        if dice.random() < 0.5:
            given = Publication(
                f"m{len(story)}",
                dice.choice((None, "x", "y")),
                dice.choice((0, 30, 10_000)),
                Span(now, now),
                None,
            )
            if given.message_id is not None and ids.get(given.message_id, 0) > now:
                story.append(("publish", given, EXISTS))
                continue
            if given.message_id is not None:
                ids[given.message_id] = now + given.ttl
            if waiting:
                oldest, at = min(waiting)
                waiting.remove((oldest, at))
                given = given._replace(receiver=f"i{oldest}")
                story[at] = (story[at][0], story[at][1]._replace(got=given.marker), oldest)
            elif given.ttl:
                buffer.append((len(story), given))
            story.append(("publish", given, OK))
        else:
            key += 1
            alive = [(at, given) for at, given in buffer if given.when.first + given.ttl > now]
            got = None
            if alive:
                at, given = alive[0]
                buffer.remove((at, given))
                story[at] = ("publish", given._replace(receiver=f"i{key}"), OK)
                got = given.marker
            else:
                waiting.append((key, len(story)))
            story.append(("start", Start(f"i{key}", key, Span(now, now), got), key))
    return [*story, ("look", Span(now, now), frozenset(f"i{key}" for key, _ in waiting))]


def blurred(story: list[Told], dice: random.Random, *, forgets: float = 0.1) -> list[Operation]:
    """The same by clients that overlap, some of which died before they were answered."""
    history: list[Operation] = []
    for at, (kind, given, output) in enumerate(story[:-1]):
        lost = dice.random() < forgets
        history.append(
            Operation(
                kind=kind,
                input=given,
                output=None if lost else output,
                called=at - dice.uniform(0, 3),
                answered=NEVER if lost else at + dice.uniform(0, 3),
            )
        )
    kind, given, output = story[-1]
    return [*history, Operation(kind=kind, input=given, output=output, called=1e6, answered=1e6 + 1)]
