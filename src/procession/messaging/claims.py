"""Which rows of the outbox a relay may publish: whole lanes, one batch at a time.

Order is kept per ordering key, and a key is always in the same lane. So two relays never publish the
same key at the same time, and no row is written between its commit and its deletion.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa

from procession.messaging.dialects import begin_writing, now_ms
from procession.messaging.message import Message
from procession.messaging.outbox import message_from
from procession.messaging.pauses import seconds_after
from procession.messaging.tables import LANES, MESSAGE, outbox, outbox_lane

FIRST_REFUSAL = timedelta(milliseconds=500)
LONGEST_REFUSAL = timedelta(minutes=1)
"""Pauses of a message that the broker refuses."""

_COLUMNS = [outbox.c[name] for name in ("id", "queue", "ordering_key", "attempts", *MESSAGE)]


class Row(NamedTuple):
    """A row to publish."""

    id: int
    queue: str
    ordering_key: str | None
    attempts: int
    message: Message


class Claim(NamedTuple):
    """The lanes a relay holds under a fencing number, and the next rows in them."""

    lanes: tuple[int, ...]
    fence: int
    rows: tuple[Row, ...]
    skipped: bool = False
    """The lanes were new, so that there may be rows although none were found."""


class Refused(NamedTuple):
    """A row that the broker did not take, and how often that was so before."""

    id: int
    attempts: int


def claim(connection: sa.Connection, owner: str, limit: int, lease: timedelta) -> Claim | None:
    """Take the lanes that have something due and are nobody's. None: there are none."""
    begin_writing(connection, outbox_lane)
    free = connection.execute(_FREE).all()
    if not free:
        return _make_lanes(connection)
    lanes = tuple(row.lane for row in free)
    fence = max(row.fence for row in free) + 1
    values = {"owner": owner, "fence": fence, "expires_at": now_ms() + int(lease.total_seconds() * 1000)}
    connection.execute(outbox_lane.update().where(outbox_lane.c.lane.in_(lanes)).values(values))
    rows = connection.execute(_DUE, {"lanes": lanes, "most": limit}).all()
    return Claim(lanes, fence, tuple(map(_row, rows)))


def _row(found: Any) -> Row:
    return Row(found.id, found.queue, found.ordering_key, found.attempts, message_from(found))


def _due_in(lane: sa.ColumnElement[int]) -> sa.ColumnElement[bool]:
    return sa.exists().where(outbox.c.lane == lane, outbox.c.due_at <= now_ms())


_FREE = (
    sa.select(outbox_lane.c.lane, outbox_lane.c.fence)
    .where(outbox_lane.c.expires_at <= now_ms(), _due_in(outbox_lane.c.lane))
    .order_by(outbox_lane.c.lane)
    .with_for_update(skip_locked=True)
)
_waiting = outbox.alias()
_LANES: sa.BindParameter[int] = sa.bindparam("lanes", expanding=True)
_BEHIND_OTHERS = (
    sa.select(_waiting.c.ordering_key)
    .where(_waiting.c.due_at > now_ms(), _waiting.c.lane.in_(_LANES), _waiting.c.ordering_key.is_not(None))
    .scalar_subquery()
)
_DUE = (
    sa.select(*_COLUMNS)
    .where(
        outbox.c.lane.in_(_LANES),
        outbox.c.due_at <= now_ms(),
        sa.or_(outbox.c.ordering_key.is_(None), outbox.c.ordering_key.not_in(_BEHIND_OTHERS)),
    )
    .order_by(outbox.c.id)
    .limit(sa.bindparam("most"))
)


def _make_lanes(connection: sa.Connection) -> Claim | None:
    """Make the lanes, if nobody has; a migration makes their table only."""
    there = set(connection.scalars(sa.select(outbox_lane.c.lane)))
    missing = [{"lane": lane} for lane in range(LANES) if lane not in there]
    if missing:
        connection.execute(outbox_lane.insert(), missing)
        return Claim((), 0, (), skipped=True)
    return None


def finish(
    connection: sa.Connection, owner: str, claim: Claim, confirmed: Sequence[int], refused: Sequence[Refused]
) -> bool:
    """Delete what is confirmed, put off what was refused, and give the lanes back.

    False, and nothing else, if one of the lanes was taken by another meanwhile.
    """
    if not claim.lanes:
        return True
    begin_writing(connection, outbox_lane)
    mine = sa.and_(
        outbox_lane.c.lane.in_(claim.lanes), outbox_lane.c.owner == owner, outbox_lane.c.fence == claim.fence
    )
    held = connection.scalars(sa.select(outbox_lane.c.lane).where(mine).with_for_update()).all()
    if len(held) != len(claim.lanes):
        return False
    connection.execute(outbox_lane.update().where(mine).values(owner=None, expires_at=0))
    if confirmed:
        connection.execute(outbox.delete().where(outbox.c.id.in_(confirmed)))
    for row in refused:
        pause = seconds_after(row.attempts, FIRST_REFUSAL.total_seconds(), LONGEST_REFUSAL.total_seconds())
        due_at = now_ms() + int(pause * 1000)
        values = {"attempts": row.attempts + 1, "due_at": due_at}
        connection.execute(outbox.update().where(outbox.c.id == row.id).values(values))
    return True
